//! `kill -9` in the middle of a replay: whatever the client has an acknowledgement for is there, once.
//!
//! This proves the process; the storage crate's simulated disk proves the power cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_client::{Batch, Client, Writer};

use crate::server::Server;

const ROUNDS: u64 = 20;
const BATCHES_A_ROUND: u64 = 40;
const ROWS_A_BATCH: i64 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_rows_survive_kill_9_and_none_is_there_twice() {
    let mut seed = seed();
    println!("DRIFTLINE_SEED={seed}");
    let directory = tempfile::tempdir().unwrap();
    let mut sent = 0;
    let mut kills_in_flight = 0;
    for round in 0..ROUNDS {
        let server = Server::start(directory.path());
        let client = Client::connect(&server.url).await.unwrap();
        client
            .execute("CREATE TABLE IF NOT EXISTS events (id TEXT KEY, batch BIGINT, value DOUBLE)")
            .await
            .unwrap();
        let writer = client.writer("replay").await.unwrap();
        // What an earlier round had on its way is either written or not; from here on it is sent again in order.
        let goal = sent + BATCHES_A_ROUND;
        let acks_until_kill = next(&mut seed) % BATCHES_A_ROUND;
        let acked = replay_until(&writer, goal, acks_until_kill, server).await;
        sent = writer.last_sequence() + acked;
        kills_in_flight += u64::from(!writer.unacked().is_empty());

        let server = Server::start(directory.path());
        let found = count_by_batch(&Client::connect(&server.url).await.unwrap()).await;
        for sequence in 1..=sent {
            assert_eq!(
                found.get(&sequence),
                Some(&ROWS_A_BATCH),
                "round {round}: batch {sequence} was acknowledged"
            );
        }
        assert!(
            found.values().all(|rows| *rows == ROWS_A_BATCH),
            "round {round}: half a batch or one twice: {found:?}"
        );
        let there = u64::try_from(found.len()).unwrap();
        assert_eq!(
            found.keys().copied().collect::<Vec<_>>(),
            (1..=there).collect::<Vec<_>>(),
            "round {round}: a hole"
        );
        sent = there;
        server.kill();
    }
    assert!(kills_in_flight > 0, "no kill met a batch on its way");
}

/// Sends batches up to `goal`, kills the server once `acks` of them are acknowledged, and returns how many
/// acknowledgements arrived in all.
async fn replay_until(writer: &Writer, goal: u64, acks: u64, mut server: Server) -> u64 {
    for sequence in writer.last_sequence() + 1..=goal {
        if writer.acked().batches >= acks {
            break;
        }
        writer.send(batch(sequence)).await.unwrap();
    }
    while writer.acked().batches < acks {
        assert!(server.is_up(), "the server ended by itself");
        tokio::task::yield_now().await;
    }
    server.kill();
    // Well only where the last acknowledgement was faster than the kill.
    let _ = writer.finish().await;
    writer.acked().batches
}

fn batch(sequence: u64) -> Batch {
    let number = i64::try_from(sequence).unwrap();
    let rows = 0..ROWS_A_BATCH;
    let times = rows.clone().map(|row| 1_700_000_000_000_000_000 + number * 1_000 + row).collect::<Vec<_>>();
    let times: TimestampNanosecondArray = times.into();
    let ids = rows.clone().map(|row| format!("{sequence}-{row}")).collect::<Vec<_>>();
    let batch = RecordBatch::try_from_iter([
        ("time", Arc::new(times.with_timezone("UTC")) as _),
        ("id", Arc::new(StringArray::from(ids)) as _),
        ("batch", Arc::new(Int64Array::from(vec![number; rows.count()])) as _),
    ]);
    Batch::new().rows("events", batch.unwrap())
}

/// Distinct rows of each batch, which must be all its rows.
async fn count_by_batch(client: &Client) -> BTreeMap<u64, i64> {
    let sql = "SELECT batch, count(*), count(DISTINCT id) FROM events GROUP BY batch";
    let mut found = BTreeMap::new();
    for rows in client.sql(sql).await.unwrap() {
        let column = |at: usize| rows.column(at).as_primitive::<Int64Type>().values().to_vec();
        for ((batch, all), distinct) in column(0).into_iter().zip(column(1)).zip(column(2)) {
            assert_eq!(all, distinct, "batch {batch} has a row twice");
            found.insert(u64::try_from(batch).unwrap(), all);
        }
    }
    found
}

fn seed() -> u64 {
    std::env::var("DRIFTLINE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_120)
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
