//! What one peer can cost: places, time and memory all end somewhere, and those who trade do not notice.

use std::path::PathBuf;
use std::time::Duration;

use protocol::code::ResponseCode;
use protocol::frame::{HEARTBEAT, Incoming};
use protocol::request::{Body, RequestSidecar};
use terminal_sim::client::Connection;
use terminal_sim::session::Session;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::strangers::connect_over;
use crate::counter::{Clerk, PATIENCE, cards, get, purchase, wire};
use crate::harness::{Gateway, Site};

pub(crate) fn configured(site: &Site, toml: &str) -> Gateway {
    let path: PathBuf = site.beside("gateway.toml");
    std::fs::write(&path, toml).expect("a configuration");
    site.start_with(&["--config", path.to_str().expect("a path")], &[]).expect("the gateway starts")
}

async fn is_alive(session: &mut Session) -> bool {
    let question = session.question(Body::Echo, &RequestSidecar::default()).expect("a question");
    session.exchange(&question, false).await.is_ok_and(|answer| answer.code() == ResponseCode::APPROVED)
}

/// Waits for the end of a connection, which must come between these two times.
async fn ends_between(from_s: u64, to_s: u64, what: &str, end: impl Future<Output = ()>) {
    tokio::pin!(end);
    let early = timeout(Duration::from_secs(from_s), &mut end).await;
    assert!(early.is_err(), "{what} was ended within {from_s} s");
    let late = timeout(Duration::from_secs(to_s - from_s), &mut end).await;
    assert!(late.is_ok(), "{what} was still open after {to_s} s");
}

/// Reads until the other side has ended it.
async fn end_of(connection: &mut Connection) {
    while connection.reader.next().await.is_ok() {}
}

/// Sends the bytes one by one, a second apart, until the other side ends it.
async fn dribble(connection: &mut Connection, bytes: &[u8]) {
    for byte in bytes {
        let sent = connection.send_raw(&[*byte]).await;
        if sent.is_err() || timeout(Duration::from_secs(1), end_of(connection)).await.is_ok() {
            return;
        }
    }
    panic!("{} bytes were taken in silence", bytes.len());
}

/// Resident memory of a process, in KiB.
fn resident_kib(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Sends heartbeats and reads none of the answers, until the gateway has had enough.
async fn never_read(gateway: &Gateway, session: &mut Session) {
    let many = HEARTBEAT.repeat(8192);
    let before = resident_kib(gateway);
    let mut sent: usize = 0;
    // Buffers on the way take some megabytes; then the gateway stops reading, and this writing stalls.
    while let Ok(done) = timeout(Duration::from_secs(3), session.connection.send_raw(&many)).await {
        if done.is_err() {
            return;
        }
        sent += many.len();
        assert!(sent < 256 << 20, "the gateway takes in {sent} bytes from somebody who reads nothing");
    }
    let grown = resident_kib(gateway).saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB for a peer that does not read");
    println!("a peer that reads nothing: stalled after {sent} bytes, {grown} KiB more");
    let cut_off = async { while session.connection.send_raw(&many).await.is_ok() {} };
    assert!(timeout(Duration::from_secs(20), cut_off).await.is_ok(), "cut off");
}

#[tokio::test]
async fn whoever_holds_a_place_without_trading_loses_it() {
    let site = Site::new();
    let gateway = configured(&site, "heartbeat_seconds = 5\n");
    let clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let card = cards(&site, 1).remove(0);
    let mut trading = clerk.session(&gateway).await;

    let mut silent = TcpStream::connect(&gateway.listen).await.expect("a socket");
    let mut half = TcpStream::connect(&gateway.listen).await.expect("a socket");
    half.write_all(&[0x16, 3, 1, 2, 0, 1]).await.expect("the beginning of a ClientHello");
    let mut not_signed_on = clerk.connect(&gateway).await;
    let mut heartbeats_alone = clerk.connect(&gateway).await;
    let mut slow_sign_on = clerk.connect(&gateway).await;
    let mut idle = clerk.session(&gateway).await;
    let mut slow = clerk.session(&gateway).await;
    let sale = slow.value(protocol::field::Stan::FIRST, purchase(&card, 1), &card.sidecar());
    let sale = wire(&[&sale.expect("a signed message")], 1);
    let mut alive = clerk.session(&gateway).await;
    let narrow = TcpSocket::new_v4().expect("a socket");
    narrow.set_recv_buffer_size(4096).expect("a small buffer");
    let narrow = narrow.connect(gateway.listen.parse().expect("an address")).await.expect("connected");
    let deaf = connect_over(narrow, &clerk.identity.key).await;
    let mut deaf =
        Session::sign_on(deaf, clerk.identity.clone(), 0, None, PATIENCE).await.expect("signed on");

    let at_work = async {
        for _ in 0..17 {
            assert!(is_alive(&mut trading).await, "who trades does not notice");
            sleep(Duration::from_secs(1)).await;
        }
    };
    let alive = async {
        // Three silent heartbeat times would end it; a heartbeat now and then does not let it come to that.
        for _ in 0..4 {
            sleep(Duration::from_secs(4)).await;
            alive.connection.send_raw(&HEARTBEAT).await.expect("sent");
            let next = timeout(PATIENCE, alive.connection.reader.next()).await.expect("in time");
            assert_eq!(next.expect("a heartbeat"), Incoming::Heartbeat);
        }
        assert!(is_alive(&mut alive).await);
    };
    let beats = async {
        while heartbeats_alone.send_raw(&HEARTBEAT).await.is_ok()
            && timeout(Duration::from_secs(1), end_of(&mut heartbeats_alone)).await.is_err()
        {}
    };
    let raw_end = async |socket: &mut TcpStream| while matches!(socket.read(&mut [0; 64]).await, Ok(1..)) {};
    tokio::join!(
        ends_between(8, 14, "a socket without a word", raw_end(&mut silent)),
        ends_between(8, 14, "half a ClientHello", raw_end(&mut half)),
        ends_between(8, 14, "a connection without a SignOn", end_of(&mut not_signed_on)),
        ends_between(8, 14, "heartbeats without a SignOn", beats),
        ends_between(8, 14, "a SignOn in single bytes", dribble(&mut slow_sign_on, &sale)),
        ends_between(13, 20, "a session without a word", end_of(&mut idle.connection)),
        ends_between(13, 20, "a sale in single bytes", dribble(&mut slow.connection, &sale)),
        never_read(&gateway, &mut deaf),
        at_work,
        alive,
    );
    site.verify();
}

#[tokio::test]
async fn a_thousand_idle_connections_do_not_disturb_a_terminal_that_trades() {
    let site = Site::new();
    let gateway = configured(&site, "max_connections = 8\n");
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[100_00]).await;
    let mut idle = Vec::new();
    for at in 0..1000 {
        idle.push(TcpStream::connect(&gateway.listen).await.expect("a socket"));
        if at % 100 == 0 {
            let answer = clerk.deal(&mut session, purchase(&card, 1_00), &card).await;
            assert_eq!(answer.code(), ResponseCode::APPROVED);
        }
    }
    let mut refused = 0;
    for socket in &mut idle {
        let read = timeout(Duration::from_millis(20), socket.read(&mut [0])).await;
        refused += usize::from(read.is_ok());
    }
    assert!(
        (990..=993).contains(&refused),
        "{refused} of 1,000 were refused, with 8 places of which one is taken"
    );
    let (_, page) = get(&gateway, "/metrics");
    let line = "gateway_refused_connections_total{reason=\"too many connections\"} ";
    let counted = page.lines().find_map(|text| text.strip_prefix(line)).expect("counted");
    assert!(counted.parse::<usize>().expect("a number") >= refused);
    drop(idle);
    // Places come free at once, and there is room for a terminal again.
    let mut another = None;
    for _ in 0..100 {
        let tried = timeout(Duration::from_secs(2), TcpStream::connect(&gateway.listen)).await;
        let socket = tried.expect("in time").expect("a socket");
        if let Ok(Err(_) | Ok(0)) = timeout(Duration::from_millis(20), socket.peek(&mut [0])).await {
            continue;
        }
        another = Some(connect_over(socket, &clerk.identity.key).await);
        break;
    }
    assert!(another.is_some(), "the idle connections are gone and their places with them");
    assert!(is_alive(&mut session).await);
    site.verify();
}

#[tokio::test]
async fn half_open_connections_do_not_keep_a_terminal_waiting() {
    let site = Site::new();
    let gateway = site.start();
    let clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut trading = clerk.session(&gateway).await;
    let mut half_open = Vec::new();
    for _ in 0..200 {
        half_open.push(TcpStream::connect(&gateway.listen).await.expect("a socket"));
    }
    assert!(is_alive(&mut trading).await, "a session that is open goes on");
    let session = timeout(Duration::from_secs(4), clerk.session(&gateway)).await;
    assert!(is_alive(&mut session.expect("a new one is not kept waiting")).await);
}
