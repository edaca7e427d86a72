use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use driftline_client::wire::ingest_client::IngestClient;
use driftline_client::wire::{self, Kind, Open, WriteReply, WriteRequest, write_request::Request as Sent};
use driftline_client::{Batch, ClientError, Code, Progress};
use futures::StreamExt;
use tonic::Status;

use crate::support::{Running, requests, start, start_over};

fn batch(first: i64, count: i64) -> Batch {
    Batch::new().rows("requests", requests(first, count))
}

fn code(error: &ClientError) -> Code {
    match error {
        ClientError::Server { code, .. } => *code,
        other => panic!("not an error of the server: {other:?}"),
    }
}

#[tokio::test]
async fn rows_come_back_as_they_were_sent() {
    let running = start().await.with_requests().await;
    let writer = running.client.writer("w").await.unwrap();
    for first in [0, 10, 20] {
        writer.send(batch(first, 10)).await.unwrap();
    }
    let progress = writer.finish().await.unwrap();
    assert_eq!(progress, Progress { batches: 3, rows: 30, duplicates: 0 });
    assert!(writer.unacked().is_empty());
    let rows = running.client.sql("SELECT time, model, ms FROM requests ORDER BY time").await.unwrap();
    let sent = requests(0, 30);
    let rows = concat_batches(&rows[0].schema(), &rows).unwrap();
    assert_eq!(rows.columns(), sent.columns());
}

#[tokio::test]
async fn an_acknowledged_batch_is_visible_to_the_next_query() {
    let running = start().await.with_requests().await;
    let writer = running.client.writer("w").await.unwrap();
    for i in 0..20 {
        writer.send(batch(i, 1)).await.unwrap();
        while writer.acked().batches <= i as u64 {
            tokio::task::yield_now().await;
        }
        assert_eq!(running.count("requests").await, i + 1);
    }
}

#[tokio::test]
async fn a_batch_sent_twice_is_written_once() {
    let running = start().await.with_requests().await;
    let writer = running.client.writer("w").await.unwrap();
    writer.send_at(1, batch(0, 5)).await.unwrap();
    writer.send_at(1, batch(0, 5)).await.unwrap();
    assert_eq!(writer.send(batch(5, 5)).await.unwrap(), 2);
    assert_eq!(writer.finish().await.unwrap(), Progress { batches: 3, rows: 15, duplicates: 1 });
    let again = running.client.writer("w").await.unwrap();
    assert_eq!(again.last_sequence(), 2);
    again.send_at(2, batch(5, 5)).await.unwrap();
    assert_eq!(again.send(batch(10, 1)).await.unwrap(), 3);
    assert_eq!(again.finish().await.unwrap().duplicates, 1);
    assert_eq!(running.count("requests").await, 11);
}

#[tokio::test]
async fn a_sequence_used_again_for_other_rows_is_refused() {
    let running = start().await.with_requests().await;
    let writer = running.client.writer("w").await.unwrap();
    writer.send_at(1, batch(0, 5)).await.unwrap();
    writer.send_at(1, batch(1, 5)).await.unwrap();
    assert_eq!(code(&writer.finish().await.unwrap_err()), Code::AlreadyExists);
    assert_eq!(running.count("requests").await, 5);
}

#[tokio::test]
async fn a_bad_batch_ends_the_stream_and_what_was_acknowledged_stands() {
    let running = start().await.with_requests().await;
    let writer = running.client.writer("w").await.unwrap();
    let bad = Batch::new().rows("requests", requests(5, 1)).rows("nowhere", requests(0, 1));
    // The sends after the bad batch may or may not still be taken: the refusal comes when it comes.
    writer.send(batch(0, 5)).await.unwrap();
    let _ = writer.send(bad).await;
    let _ = writer.send(batch(6, 5)).await;
    let error = writer.finish().await.unwrap_err();
    assert_eq!(code(&error), Code::NotFound);
    let text = error.to_string();
    assert!(text.starts_with("batch 2 (requests, nowhere): "), "{text}");
    assert_eq!(writer.acked().batches, 1);
    let unacked: Vec<u64> = writer.unacked().iter().map(|(sequence, _)| *sequence).collect();
    assert!(unacked.starts_with(&[2]), "{unacked:?}");
    assert_eq!(running.count("requests").await, 5, "nothing of a bad batch, nothing after it");
    assert_eq!(running.client.writer("w").await.unwrap().last_sequence(), 1);
}

#[tokio::test]
async fn writers_without_a_name_write_side_by_side() {
    let running = start().await.with_requests().await;
    let writer = running.client.writer("").await.unwrap();
    for i in 0..100 {
        writer.send(batch(i, 1)).await.unwrap();
    }
    assert_eq!(writer.finish().await.unwrap(), Progress { batches: 100, rows: 100, duplicates: 0 });
    assert_eq!(running.client.writer("").await.unwrap().last_sequence(), 0);
    assert_eq!(running.count("requests").await, 100);
}

#[tokio::test]
async fn many_writers_at_once_lose_nothing() {
    let running = start().await.with_requests().await;
    let write = |name: i64| {
        let client = running.client.clone();
        async move {
            let writer = client.writer(&format!("writer-{name}")).await.unwrap();
            for i in 0..20 {
                writer.send(batch(name * 1_000 + i, 1)).await.unwrap();
            }
            writer.finish().await.unwrap()
        }
    };
    let done = futures::future::join_all((0..8).map(write)).await;
    assert!(done.iter().all(|progress| progress.batches == 20));
    assert_eq!(running.count("requests").await, 160);
}

#[tokio::test]
async fn labels_find_their_predictions() {
    let running = start().await;
    let sql = "CREATE MODEL m (id TEXT KEY, score DOUBLE SCORE, label BOOLEAN LABEL)";
    running.client.execute(sql).await.unwrap();
    let id: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let predictions = requests(0, 2);
    let predictions = [("time", predictions.column(0)), ("id", &id), ("score", predictions.column(2))];
    let predictions = RecordBatch::try_from_iter(predictions.map(|(n, c)| (n, c.clone()))).unwrap();
    let label: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    let labels = RecordBatch::try_from_iter([("id", id.slice(1, 1)), ("label", label)]).unwrap();
    let writer = running.client.writer("w").await.unwrap();
    writer.send(Batch::new().rows("m", predictions)).await.unwrap();
    writer.send(Batch::new().labels("m", labels)).await.unwrap();
    writer.finish().await.unwrap();
    let rows = running.client.sql("SELECT id FROM m WHERE label").await.unwrap();
    assert_eq!(rows[0].column(0).as_string::<i32>().value(0), "b");
}

#[tokio::test]
async fn unacknowledged_batches_can_be_sent_again_to_another_server() {
    let running = start().await.with_requests().await;
    let writer = running.client.writer("w").await.unwrap();
    writer.send(batch(0, 5)).await.unwrap();
    running.server.shutdown().await;
    let error = match writer.send(batch(5, 5)).await {
        Err(error) => error,
        Ok(_) => writer.finish().await.unwrap_err(),
    };
    let is_gone = matches!(error, ClientError::Disconnected { .. })
        || matches!(error, ClientError::Server { code: Code::Unavailable, .. });
    assert!(is_gone, "{error:?}");

    let again = start_over(running.database).await;
    let second = again.client.writer("w").await.unwrap();
    for (sequence, batch) in writer.unacked() {
        second.send_at(sequence, batch).await.unwrap();
    }
    second.finish().await.unwrap();
    let acked = writer.acked().batches + second.acked().batches;
    assert_eq!(again.count("requests").await, 5 * i64::try_from(acked).unwrap());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let running = start().await;
    let url = running.server.url();
    running.server.shutdown().await;
    let error = driftline_client::Client::connect(&url).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&url), "{error}");
    let error = driftline_client::Client::connect("not an address").await.unwrap_err();
    assert!(matches!(error, ClientError::Address { .. }), "{error:?}");
}

#[tokio::test]
async fn a_batch_over_the_limit_is_refused_before_it_is_sent() {
    let running = start().await.with_requests().await;
    let writer = running.client.writer("w").await.unwrap();
    let long = "x".repeat(1 << 20);
    let text: ArrayRef = Arc::new(StringArray::from_iter_values((0..17).map(|_| &long)));
    let rows =
        RecordBatch::try_from_iter([("time", requests(0, 17).column(0).clone()), ("text", text)]).unwrap();
    let error = writer.send(Batch::new().rows("requests", rows)).await.unwrap_err();
    assert!(
        matches!(error, ClientError::TooLarge { limit, .. } if limit == writer.batch_bytes_max()),
        "{error:?}"
    );
    writer.send(batch(0, 1)).await.unwrap();
    assert_eq!(writer.finish().await.unwrap().batches, 1, "the writer goes on");
}

#[tokio::test]
async fn a_finished_writer_says_so() {
    let running = start().await.with_requests().await;
    let writer = running.client.writer("w").await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(writer.send(batch(0, 1)).await.unwrap_err(), ClientError::Finished);
}

// What no client of ours would send.

fn open(writer: &str) -> Sent {
    Sent::Open(Open { writer: writer.into() })
}

fn part(kind: Kind, bytes: Vec<u8>) -> Sent {
    let part = wire::Part { target: "requests".into(), kind: kind.into(), arrow_ipc: bytes.into() };
    Sent::Batch(wire::Batch { sequence: 1, parts: vec![part] })
}

fn rows_as_bytes(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

/// Sends requests as they are; how the stream ends.
async fn raw(running: &Running, requests: Vec<Option<Sent>>) -> Result<Vec<WriteReply>, Status> {
    let mut client = IngestClient::connect(running.server.url()).await.unwrap();
    let requests = requests.into_iter().map(|request| WriteRequest { request });
    let replies = client.write(futures::stream::iter(requests.collect::<Vec<_>>())).await?;
    replies.into_inner().collect::<Vec<_>>().await.into_iter().collect()
}

#[tokio::test]
async fn what_is_wrong_on_the_wire_is_refused_with_its_code_and_the_server_stays_up() {
    let running = start().await.with_requests().await;
    let good = rows_as_bytes(&requests(0, 1));
    let cut = good[..good.len() / 2].to_vec();
    let cases = [
        ("nothing at all", vec![], Code::InvalidArgument),
        ("an empty request", vec![None], Code::InvalidArgument),
        ("a batch first", vec![Some(part(Kind::Rows, good.clone()))], Code::InvalidArgument),
        ("a long name", vec![Some(open(&"w".repeat(100_000)))], Code::InvalidArgument),
        ("two openings", vec![Some(open("w")), Some(open("w"))], Code::InvalidArgument),
        ("an empty batch", vec![Some(open("w")), None], Code::InvalidArgument),
        (
            "no kind",
            vec![Some(open("w")), Some(part(Kind::Unspecified, good.clone()))],
            Code::InvalidArgument,
        ),
        ("no rows", vec![Some(open("w")), Some(part(Kind::Rows, vec![]))], Code::InvalidArgument),
        ("noise", vec![Some(open("w")), Some(part(Kind::Rows, vec![7; 999]))], Code::InvalidArgument),
        ("half a stream", vec![Some(open("w")), Some(part(Kind::Rows, cut))], Code::InvalidArgument),
        ("labels of a table", vec![Some(open("w")), Some(part(Kind::Labels, good))], Code::InvalidArgument),
        (
            "16 MiB and a byte",
            vec![Some(open("w")), Some(part(Kind::Rows, vec![0; (16 << 20) + 1]))],
            Code::ResourceExhausted,
        ),
        ("18 MiB", vec![Some(open("w")), Some(part(Kind::Rows, vec![0; 18 << 20]))], Code::ResourceExhausted),
    ];
    for (what, requests, expected) in cases {
        let status = raw(&running, requests).await.expect_err(what);
        let is_refused = status.code() == expected
            || (what == "labels of a table"
                && [Code::NotFound, Code::InvalidArgument].contains(&status.code()));
        assert!(is_refused, "{what}: {status:?}");
        assert!(!status.message().is_empty(), "{what}");
        assert_eq!(running.count("requests").await, 0, "{what}");
    }
    let replies =
        raw(&running, vec![Some(open("w")), Some(part(Kind::Rows, rows_as_bytes(&requests(0, 1))))]).await;
    assert_eq!(replies.unwrap().len(), 2);
    assert_eq!(running.count("requests").await, 1);
}

#[tokio::test]
async fn rows_that_do_not_fit_the_table_are_refused_by_name() {
    let running = start().await.with_requests().await;
    let text: ArrayRef = Arc::new(StringArray::from(vec!["slow"]));
    let time = requests(0, 1).column(0).clone();
    let cases = [
        ("ms", RecordBatch::try_from_iter([("time", time), ("ms", text.clone())]).unwrap()),
        ("time", RecordBatch::try_from_iter([("ms", requests(0, 1).column(2).clone())]).unwrap()),
    ];
    for (column, rows) in cases {
        let writer = running.client.writer("").await.unwrap();
        writer.send(Batch::new().rows("requests", rows)).await.unwrap();
        let error = writer.finish().await.unwrap_err();
        assert_eq!(code(&error), Code::InvalidArgument, "{error}");
        assert!(error.to_string().contains(column), "{error}");
    }
    assert_eq!(running.count("requests").await, 0);
}
