use super::*;

const OLD: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const NEW: &str = "whsec_enl4d3Z1dHNycXBvbm1sa2ppaGdmZWRjYmE5ODc2NTQ=";
/// By Python: `base64.b64encode(hmac.new(key, b"msg_1.1767249005." + body, hashlib.sha256).digest())`.
const BY_OLD: &str = "v1,EkbLBWQEtzuG97aQAGFrHVRUwwO1wZ3UlfK5CA0bFQE=";
const BY_NEW: &str = "v1,ikxuPiop01EP5AjZCeHlYXR6gRw5PC4YPXQPxL+AyRE=";
const BODY: &str = "{\"a\":\"ä\"}";

fn signed(secrets: &str, body: &str) -> Result<String, String> {
    signature(secrets, "msg_1", 1_767_249_005, body.as_bytes())
}

#[test]
fn signatures_are_those_of_another_program() {
    assert_eq!(signed(OLD, BODY).unwrap(), BY_OLD);
    assert_eq!(signed(&format!("{NEW}  {OLD}"), BODY).unwrap(), format!("{BY_NEW} {BY_OLD}"));
}

#[test]
fn all_that_is_signed_counts() {
    assert_ne!(signed(OLD, "{}").unwrap(), BY_OLD);
    assert_ne!(signature(OLD, "msg_2", 1_767_249_005, BODY.as_bytes()).unwrap(), BY_OLD);
    assert_ne!(signature(OLD, "msg_1", 1_767_249_006, BODY.as_bytes()).unwrap(), BY_OLD);
}

#[test]
fn what_is_no_secret_is_not_repeated() {
    for secret in ["hunter2", "whsec_hunter2!"] {
        let error = signed(secret, BODY).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
