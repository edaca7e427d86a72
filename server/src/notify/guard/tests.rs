use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Always,
    WherePrivate,
    Never,
}
use Rule::{Always, Never, WherePrivate};

const ADDRESSES: &[(&str, Rule)] = &[
    ("1.1.1.1", Always),
    ("8.8.8.8", Always),
    ("172.15.255.255", Always),
    ("172.32.0.1", Always),
    ("192.167.1.1", Always),
    ("100.63.255.255", Always),
    ("100.128.0.1", Always),
    ("169.253.1.1", Always),
    ("223.255.255.255", Always),
    ("127.0.0.1", WherePrivate),
    ("127.255.255.254", WherePrivate),
    ("10.0.0.1", WherePrivate),
    ("172.16.0.1", WherePrivate),
    ("172.31.255.255", WherePrivate),
    ("192.168.1.1", WherePrivate),
    ("100.64.0.1", WherePrivate),
    ("169.254.169.254", Never),
    ("169.254.0.1", Never),
    ("168.63.129.16", Never),
    ("100.100.100.200", Never),
    ("192.0.0.192", Never),
    ("192.0.2.1", Never),
    ("198.18.0.1", Never),
    ("198.19.255.255", Never),
    ("198.51.100.1", Never),
    ("203.0.113.1", Never),
    ("0.0.0.0", Never),
    ("0.1.2.3", Never),
    ("224.0.0.1", Never),
    ("239.255.255.255", Never),
    ("240.0.0.1", Never),
    ("255.255.255.255", Never),
    ("2606:4700::1111", Always),
    ("2a00:1450::1", Always),
    ("::1", WherePrivate),
    ("fc00::1", WherePrivate),
    ("fd12:3456::1", WherePrivate),
    ("fd00:ec2::254", Never),
    ("::", Never),
    ("fe80::1", Never),
    ("febf::1", Never),
    ("fec0::1", Never),
    ("ff02::1", Never),
    ("2001:db8::1", Never),
    ("2001::1", Never),
    ("3fff::1", Never),
    ("100::1", Never),
    ("4000::1", Never),
    // IPv4-compatible, long out of use.
    ("::7f00:1", Never),
    ("::ffff:1.1.1.1", Always),
    ("::ffff:127.0.0.1", WherePrivate),
    ("::ffff:10.0.0.1", WherePrivate),
    ("::ffff:169.254.169.254", Never),
    ("64:ff9b::1.1.1.1", Always),
    ("64:ff9b::10.0.0.1", WherePrivate),
    ("64:ff9b::169.254.169.254", Never),
    ("64:ff9b:1::1.1.1.1", Never),
    ("2002:101:101::1", Always),
    ("2002:7f00:1::1", WherePrivate),
    ("2002:a9fe:a9fe::1", Never),
    ("2606:4700::5efe:169.254.169.254", Never),
    ("2606:4700::200:5efe:10.0.0.1", WherePrivate),
];

#[test]
fn each_address_is_called_or_not() {
    for (text, rule) in ADDRESSES {
        let ip: IpAddr = text.parse().unwrap();
        let found = match (judge(ip, false), judge(ip, true)) {
            (Ok(()), Ok(())) => Always,
            (Err(_), Ok(())) => WherePrivate,
            (Err(_), Err(_)) => Never,
            (Ok(()), Err(_)) => panic!("{text} is called only where private ones are not"),
        };
        assert_eq!(found, *rule, "{text}");
    }
}

#[test]
fn an_ipv4_address_is_judged_alike_in_all_clothes() {
    let addresses =
        (0..=255u8).flat_map(|a| [(a, 0, 0, 1), (a, 168, 1, 1), (a, 254, 169, 254), (a, 100, 100, 200)]);
    for (a, b, c, d) in addresses {
        let v4 = Ipv4Addr::new(a, b, c, d);
        let [high, low] = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
        let clothes = [
            v4.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        ];
        for v6 in clothes {
            assert_eq!(reach(v6.into()), reach(v4.into()), "{v6}");
        }
    }
}

#[test]
fn of_several_addresses_only_those_allowed_are_called() {
    let found: Vec<SocketAddr> =
        ["10.0.0.1:80", "1.1.1.1:80", "169.254.169.254:80"].map(|a| a.parse().unwrap()).into();
    assert_eq!(allowed("x", &found, false).unwrap(), [found[1]]);
    assert_eq!(allowed("x", &found, true).unwrap(), [found[0], found[1]]);
    let many: Vec<SocketAddr> =
        (1..20).map(|i| SocketAddr::new(Ipv4Addr::new(1, 1, 1, i).into(), 80)).collect();
    assert_eq!(allowed("x", &many, false).unwrap().len(), ADDRESSES_MAX);
}

#[tokio::test]
async fn hosts_are_looked_up_and_judged() {
    let refused = addresses("localhost", 80, false).await.unwrap_err();
    assert!(
        matches!(&refused, SendError::Refused(text) if text.contains("allow_private = 'true'")),
        "{refused:?}"
    );
    assert!(addresses("localhost", 80, true).await.unwrap().iter().all(|address| address.ip().is_loopback()));
    for text in ["169.254.169.254", "[fe80::1]"] {
        let refused = addresses(text, 80, true).await.unwrap_err();
        assert!(
            matches!(&refused, SendError::Refused(text) if !text.contains("allow_private")),
            "{refused:?}"
        );
    }
    // Forms of 127.0.0.1 that only the system's resolver understands are judged as what they lead to.
    for text in ["2130706433", "127.1", "0x7f.1"] {
        assert!(addresses(text, 80, false).await.is_err(), "{text}");
    }
}
