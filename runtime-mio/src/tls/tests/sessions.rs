//! Sessions: bytes, ends, and peers that do not speak TLS.

use std::io::ErrorKind;

use super::*;

/// A client on either engine that has sent its first message.
fn fresh() -> [TlsSession; 2] {
    let client = ClientTls::new(&TestPki::new().client(), ServerRules::default()).unwrap();
    ENGINES.map(|connect| {
        let mut client = connect(&client).unwrap();
        client.write_tls(&mut io::sink()).unwrap();
        client
    })
}

/// A TLS record with a fatal alert.
fn alert(code: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, code]
}

#[test]
fn goodbye_close_and_nothing_yet_are_told_apart() {
    for (connect, versions) in CLIENTS {
        let mut buffer = [0; 10];
        let (mut client, mut server) = pair_on(connect, versions);
        assert_eq!(client.read(&mut buffer), ReadOutcome::WouldBlock);
        server.write(b"last");
        server.send_close_notify();
        deliver(&mut server, &mut client).unwrap();
        assert_eq!(client.read(&mut []), ReadOutcome::Data(0));
        assert_eq!(client.read(&mut buffer), ReadOutcome::Data(4));
        assert_eq!(client.read(&mut buffer), ReadOutcome::Closed);
        assert!(!client.wants_read());

        let (mut client, mut server) = pair_on(connect, versions);
        server.write(b"last");
        deliver(&mut server, &mut client).unwrap();
        hang_up(&mut client).unwrap();
        assert_eq!(client.read(&mut buffer), ReadOutcome::Data(4));
        assert_eq!(client.read(&mut buffer), ReadOutcome::Eof);
    }
}

#[test]
fn writing_is_bounded_and_goes_on_once_the_socket_takes_bytes() {
    let (mut client, mut server) = pair(TlsVersions::Any);
    let block = [7; 32 * 1024];
    let mut taken = 0;
    loop {
        let count = client.write(&block);
        taken += count;
        if count < block.len() {
            break;
        }
        assert!(taken < 1 << 20, "no bound");
    }
    let mut received = 0;
    let mut wire = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut wire).unwrap();
    }
    assert!(client.write(&block) > 0);
    let mut wire = wire.as_slice();
    while !wire.is_empty() {
        server.read_tls(&mut wire).unwrap();
        server.process().unwrap();
        received += drain(&mut server).len();
    }
    assert_eq!(received, taken);
}

#[test]
fn plaintext_left_unread_stops_reading_with_an_error_of_its_own() {
    let (mut client, mut server) = pair(TlsVersions::Any);
    let mut wire = Vec::new();
    for _ in 0..8 {
        assert_eq!(server.write(&[1; 16_000]), 16_000);
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
    }
    let mut wire = wire.as_slice();
    let refused = loop {
        match client.read_tls(&mut wire) {
            Ok(_) => client.process().unwrap(),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(!client.wants_read());

    let mut received = drain(&mut client).len();
    while !wire.is_empty() {
        client.read_tls(&mut wire).unwrap();
        client.process().unwrap();
        received += drain(&mut client).len();
    }
    assert_eq!(received, 128_000);
}

#[test]
fn a_peer_that_speaks_no_tls_is_recognised_by_both_ends() {
    let replies: [&[u8]; 4] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &[0; 64],
        &[0xff; 64],
    ];
    for reply in replies {
        for mut client in fresh() {
            let error = feed(&mut client, reply).unwrap_err();
            let peer = Peer::Server;
            assert_eq!(error, TlsError::NotTls { peer });
            assert_eq!(error.class(), TlsClass::TlsRefused);
        }

        let mut server = ServerTls::new(&TestPki::new().server())
            .unwrap()
            .accept()
            .unwrap();
        let peer = Peer::Client;
        assert_eq!(feed(&mut server, reply), Err(TlsError::NotTls { peer }));
    }
}

#[test]
fn alerts_in_answer_to_the_first_message_tell_what_the_server_lacks() {
    let peer = Peer::Server;
    let nothing = TlsError::NothingInCommon { peer };
    let old = TlsError::VersionTooOld { peer };
    for (code, expected) in [(40, nothing.clone()), (71, nothing), (70, old)] {
        for mut client in fresh() {
            assert_eq!(feed(&mut client, &alert(code)), Err(expected.clone()));
        }
    }
    let text = TlsError::NothingInCommon { peer }.to_string();
    assert!(text.contains("RSA key exchange") && text.contains("CBC"));
    for mut client in fresh() {
        let other = feed(&mut client, &alert(80)).unwrap_err();
        let alert = "internal_error".into();
        assert_eq!(other, TlsError::Alert { peer, alert });
    }
}

#[test]
fn every_alert_about_a_certificate_means_ours_was_refused() {
    for (code, name) in [
        (42, "bad_certificate"),
        (43, "unsupported_certificate"),
        (44, "certificate_revoked"),
        (45, "certificate_expired"),
        (46, "certificate_unknown"),
        (48, "unknown_ca"),
        (49, "access_denied"),
        (116, "certificate_required"),
    ] {
        for mut client in fresh() {
            let error = feed(&mut client, &alert(code)).unwrap_err();
            assert_eq!(error.class(), TlsClass::OwnCertificateRefused);
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}

#[test]
fn a_server_hello_of_tls_1_1_means_the_server_is_too_old() {
    // Version 3.2, 32 bytes of random, no session, ECDHE-RSA-AES128-SHA, no compression.
    let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([9; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    let peer = Peer::Server;
    for mut client in fresh() {
        let expected = TlsError::VersionTooOld { peer };
        assert_eq!(feed(&mut client, &hello), Err(expected));
    }
}

#[test]
fn a_client_of_tls_1_1_means_the_client_is_too_old() {
    let mut body = vec![3, 2];
    body.extend([9; 32]);
    body.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    let mut hello = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    hello.extend(body);
    let mut server = ServerTls::new(&TestPki::new().server())
        .unwrap()
        .accept()
        .unwrap();
    let peer = Peer::Client;
    assert_eq!(
        feed(&mut server, &hello),
        Err(TlsError::VersionTooOld { peer })
    );
}

#[test]
fn a_close_before_the_server_said_anything_is_a_refusal_of_tls() {
    for mut client in fresh() {
        let error = hang_up(&mut client).unwrap_err();
        let expected = TlsError::ClosedInHandshake {
            peer: Peer::Server,
            certificate_sent: false,
        };
        assert_eq!(error, expected);
        assert_eq!(error.class(), TlsClass::TlsRefused);
        // Every further call returns the same error.
        assert_eq!(client.process(), Err(expected));
    }
}

#[test]
fn a_close_on_receipt_of_our_certificate_is_a_refusal_of_it() {
    let pki = TestPki::new();
    let rules = ServerRules::default();
    let client = ClientTls::with_versions(&pki.client(), rules, TlsVersions::Tls12).unwrap();
    let mut client = client.connect().unwrap();
    let mut server = ServerTls::new(&pki.server()).unwrap().accept().unwrap();
    deliver(&mut client, &mut server).unwrap();
    deliver(&mut server, &mut client).unwrap();
    assert!(client.wants_write() && client.is_handshaking());
    let error = hang_up(&mut client).unwrap_err();
    assert_eq!(error.class(), TlsClass::OwnCertificateRefused);
}

#[test]
fn a_silent_close_after_the_handshake_is_an_ordinary_end() {
    for (connect, versions) in CLIENTS {
        let (mut client, _) = pair_on(connect, versions);
        assert_eq!(hang_up(&mut client), Ok(()));
        assert_eq!(client.read(&mut [0; 8]), ReadOutcome::Eof);
    }
}

#[test]
fn damaged_records_end_the_session_for_good() {
    for (connect, versions) in CLIENTS {
        let (mut client, mut server) = pair_on(connect, versions);
        server.write(b"events");
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        *wire.last_mut().unwrap() ^= 1;
        let error = feed(&mut client, &wire).unwrap_err();
        assert!(matches!(error, TlsError::Protocol { .. }), "{error:?}");
        assert_eq!(client.process(), Err(error));
        assert_eq!(client.write(b"more"), 0);
        // The alert that tells the server is still to be sent.
        assert!(client.wants_write() && !client.wants_read());
    }
}

#[test]
fn a_client_that_offers_only_rsa_key_exchange_shares_nothing() {
    // TLS 1.2, one suite (RSA with AES-128-CBC), signature schemes, no groups.
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
    body.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 1]);
    let mut hello = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    hello.extend(body);
    let mut server = ServerTls::new(&TestPki::new().server())
        .unwrap()
        .accept()
        .unwrap();
    let peer = Peer::Client;
    assert_eq!(
        feed(&mut server, &hello),
        Err(TlsError::NothingInCommon { peer })
    );
}

#[test]
fn no_bytes_make_a_session_panic() {
    let pki = TestPki::new();
    let client = ClientTls::new(&pki.client(), ServerRules::default()).unwrap();
    let mut hello = Vec::new();
    client.connect().unwrap().write_tls(&mut hello).unwrap();
    let server = ServerTls::new(&pki.server()).unwrap();
    for place in 0..hello.len() {
        let mut bytes = hello.clone();
        bytes[place] ^= 0x55;
        let mut session = server.accept().unwrap();
        if feed(&mut session, &bytes).is_ok() {
            let _ = hang_up(&mut session);
        }
        assert_ne!(session.read(&mut [0; 9]), ReadOutcome::Data(9));
    }
}

#[test]
fn no_damage_to_a_flight_makes_a_session_panic() {
    let pki = TestPki::new();
    let server = ServerTls::new(&pki.server()).unwrap();
    for (connect, versions) in CLIENTS {
        let rules = ServerRules::default();
        let client = ClientTls::with_versions(&pki.client(), rules, versions).unwrap();
        let (mut place, mut length) = (0, 1);
        while place < length {
            let mut client = connect(&client).unwrap();
            let mut server = server.accept().unwrap();
            deliver(&mut client, &mut server).unwrap();
            let mut flight = outgoing(&mut server);
            // Signatures differ in length from time to time.
            length = flight.len();
            let Some(byte) = flight.get_mut(place) else {
                break;
            };
            *byte ^= 0x55;
            place += 17;
            // The end of the connection, and the alerts of both.
            let result = feed(&mut client, &flight);
            let _ = deliver(&mut client, &mut server);
            let _ = deliver(&mut server, &mut client);
            let ended = hang_up(&mut client);
            assert!(result.is_ok() || result == ended, "{result:?} {ended:?}");
            client.send_close_notify();
            assert_ne!(client.read(&mut [0; 9]), ReadOutcome::Data(9));
            assert!(client.process().is_err() || !client.is_handshaking());
        }
        assert!(length > 500);
    }
}
