//! TLS records that are cut by reads, by rooms, and by the end of the connection.

use super::*;

/// Bytes that differ by position.
fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// Returns all of `bytes` as records for the socket.
fn records(from: &mut TlsSession, bytes: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut taken = 0;
    while taken < bytes.len() {
        taken += from.write(&bytes[taken..]);
        wire.extend(outgoing(from));
    }
    wire
}

#[test]
fn bytes_may_come_one_at_a_time() {
    let pki = TestPki::new();
    let drip = |from: &mut TlsSession, to: &mut TlsSession| {
        for byte in outgoing(from) {
            feed(to, &[byte]).unwrap();
        }
    };
    for (connect, versions) in CLIENTS {
        let rules = ServerRules::default();
        let client = ClientTls::with_versions(&pki.client(), rules, versions).unwrap();
        let mut client = connect(&client).unwrap();
        let mut server = ServerTls::new(&pki.server()).unwrap().accept().unwrap();
        assert_eq!(client.write(b"early"), 0);
        while client.wants_write() || server.wants_write() {
            drip(&mut client, &mut server);
            drip(&mut server, &mut client);
        }
        for message in [b"request".as_slice(), &text(20_000)] {
            assert_eq!(client.write(message), message.len());
            assert_eq!(server.write(message), message.len());
            drip(&mut client, &mut server);
            drip(&mut server, &mut client);
            assert_eq!(drain(&mut server), message);
            assert_eq!(drain(&mut client), message);
        }
    }
}

#[test]
fn data_behind_the_last_message_of_the_handshake_is_not_lost() {
    let pki = TestPki::new();
    for (connect, versions) in CLIENTS {
        let rules = ServerRules::default();
        let client = ClientTls::with_versions(&pki.client(), rules, versions).unwrap();
        let mut client = connect(&client).unwrap();
        let mut server = ServerTls::new(&pki.server()).unwrap().accept().unwrap();
        // In TLS 1.2 the server sends the last message, in TLS 1.3 the client.
        while client.is_handshaking() || server.is_handshaking() {
            let mut wire = outgoing(&mut client);
            if !client.is_handshaking() {
                wire.extend(records(&mut client, b"request"));
            }
            feed(&mut server, &wire).unwrap();
            let mut wire = outgoing(&mut server);
            if !server.is_handshaking() {
                wire.extend(records(&mut server, b"events"));
            }
            feed(&mut client, &wire).unwrap();
        }
        assert_eq!(drain(&mut client), b"events");
        if versions == TlsVersions::Tls13 {
            assert_eq!(drain(&mut server), b"request");
        }
    }
}

#[test]
fn records_that_come_together_fill_rooms_of_any_size() {
    let sent = text(50_000);
    for (connect, versions) in CLIENTS {
        for size in [1, 7, 1000, 16_384, 16_385, 40_000, 60_000] {
            let (mut client, mut server) = pair_on(connect, versions);
            let mut wire = records(&mut server, &sent[..100]);
            wire.extend(records(&mut server, &sent[100..]));
            assert_eq!(client.read_tls(&mut wire.as_slice()).unwrap(), wire.len());
            let mut room = vec![0; size];
            let mut received = Vec::new();
            while let ReadOutcome::Data(count) = client.read(&mut room) {
                let left = sent.len() - received.len();
                assert_eq!(count, size.min(left), "a room is filled as far as can be");
                received.extend_from_slice(&room[..count]);
            }
            assert!(received == sent, "{size}");
            assert_eq!(client.process(), Ok(()));
        }
    }
}

#[test]
fn records_may_be_cut_anywhere_between_reads() {
    let sent = text(3000);
    for (connect, versions) in CLIENTS {
        let (mut client, mut server) = pair_on(connect, versions);
        let mut room = [0; 500];
        for cut in 0..200 {
            let wire = records(&mut server, &sent);
            let (front, back) = wire.split_at(wire.len() * cut / 200);
            let mut received = Vec::new();
            for mut part in [front, back] {
                while !part.is_empty() {
                    client.read_tls(&mut part).unwrap();
                }
                while let ReadOutcome::Data(count) = client.read(&mut room) {
                    received.extend_from_slice(&room[..count]);
                }
            }
            assert!(received == sent, "{cut}");
        }
    }
}

#[test]
fn what_is_said_between_records_goes_out_and_leaves_them_alone() {
    let sent = text(60_000);
    for (connect, versions) in CLIENTS {
        let (mut client, mut server) = pair_on(connect, versions);
        let wire = records(&mut server, &sent);
        // A part of a record remains as well.
        let (mut front, mut back) = wire.split_at(wire.len() - 10);
        client.read_tls(&mut front).unwrap();
        let mut room = [0; 10_000];
        let mut received = Vec::new();
        let mut answers = 0;
        loop {
            match client.read(&mut room) {
                ReadOutcome::Data(count) => received.extend_from_slice(&room[..count]),
                _ if back.is_empty() => break,
                _ => drop(client.read_tls(&mut back).unwrap()),
            }
            assert_eq!(client.write(b"null"), 4);
            deliver(&mut client, &mut server).unwrap();
            assert_eq!(drain(&mut server), b"null");
            answers += 1;
        }
        assert!(received == sent && answers > 6);
        client.send_close_notify();
        deliver(&mut client, &mut server).unwrap();
        assert_eq!(server.read(&mut room), ReadOutcome::Closed);
    }
}

#[test]
fn a_goodbye_behind_data_comes_after_it_and_ends_all() {
    for (connect, versions) in CLIENTS {
        let (mut client, mut server) = pair_on(connect, versions);
        let mut wire = records(&mut server, b"last");
        server.send_close_notify();
        wire.extend(outgoing(&mut server));
        wire.extend(b"what a proxy adds");
        assert_eq!(client.read_tls(&mut wire.as_slice()).unwrap(), wire.len());
        let mut room = [0; 3];
        assert_eq!(client.read(&mut room), ReadOutcome::Data(3));
        assert_eq!(client.read(&mut room), ReadOutcome::Data(1));
        assert_eq!(client.read(&mut room), ReadOutcome::Closed);
        assert_eq!(client.process(), Ok(()));
        assert_eq!(client.read_tls(&mut b"more".as_slice()).unwrap(), 0);
        assert_eq!(client.read(&mut room), ReadOutcome::Closed);
        // The other direction stays open until it is closed.
        assert_eq!(client.write(b"bye"), 3);
        client.send_close_notify();
        deliver(&mut client, &mut server).unwrap();
        assert_eq!(drain(&mut server), b"bye");
        assert_eq!(server.read(&mut room), ReadOutcome::Closed);
    }
}

#[test]
fn data_before_a_damaged_record_is_read_and_the_peer_is_told_why() {
    for (connect, versions) in CLIENTS {
        let (mut client, mut server) = pair_on(connect, versions);
        let mut wire = records(&mut server, b"good");
        wire.extend(records(&mut server, b"bad"));
        *wire.last_mut().unwrap() ^= 1;
        wire.extend(records(&mut server, b"behind"));
        assert_eq!(client.read_tls(&mut wire.as_slice()).unwrap(), wire.len());
        let mut room = [0; 100];
        assert_eq!(client.read(&mut room), ReadOutcome::Data(4));
        assert_eq!(client.read(&mut room), ReadOutcome::WouldBlock);
        let error = client.process().unwrap_err();
        assert!(matches!(error, TlsError::Protocol { .. }), "{error:?}");
        let told = deliver(&mut client, &mut server).unwrap_err();
        let (peer, alert) = (Peer::Client, "bad_record_mac".into());
        assert_eq!(told, TlsError::Alert { peer, alert });
        // An alert is not answered.
        assert!(!server.wants_write() && !client.wants_write());
    }
}
