//! Cutting a stream into messages.

use strowger_sip::framing::{Frame, FrameError, StreamFramer};
use strowger_sip::message::{MAX_HEADERS, MAX_LINE, MAX_MESSAGE};

const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nl :\t4\r\n\r\nbody";

fn frames(chunks: &[&[u8]]) -> Result<Vec<Frame>, FrameError> {
    let mut framer = StreamFramer::new();
    let mut out = Vec::new();
    for chunk in chunks {
        framer.feed(chunk);
        while let Some(frame) = framer.next_frame()? {
            out.push(frame);
        }
    }
    Ok(out)
}

fn message(bytes: &'static [u8]) -> Frame {
    Frame::Message(bytes.into())
}

#[test]
fn every_cut_of_the_stream_yields_the_same_messages() {
    let stream = [OPTIONS, OPTIONS].concat();
    for cut in 0..stream.len() {
        let (a, b) = stream.split_at(cut);
        assert_eq!(frames(&[a, b]), Ok(vec![message(OPTIONS), message(OPTIONS)]), "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(frames(&bytes), Ok(vec![message(OPTIONS), message(OPTIONS)]));
}

#[test]
fn keep_alives_between_messages_are_told_apart() {
    assert_eq!(frames(&[b"\r\n\r\n"]), Ok(vec![Frame::KeepAlivePing]));
    assert_eq!(
        frames(&[b"\r\n\r\n", OPTIONS, b"\r\n\r\n"]),
        Ok(vec![Frame::KeepAlivePing, message(OPTIONS), Frame::KeepAlivePing])
    );
    assert_eq!(frames(&[b"\r\n", OPTIONS]), Ok(vec![Frame::Pong, message(OPTIONS)]));
}

#[test]
fn a_stream_needs_content_length() {
    let text = b"OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n";
    assert_eq!(frames(&[text]), Err(FrameError::NoContentLength));
    for bad in ["-1", "", "1a", "99999999999"] {
        let text = format!("OPTIONS sip:a@b SIP/2.0\r\nContent-Length: {bad}\r\n\r\n");
        assert_eq!(frames(&[text.as_bytes()]), Err(FrameError::BadContentLength), "{bad}");
    }
    let two = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n";
    assert_eq!(frames(&[two]), Err(FrameError::BadContentLength));
}

#[test]
fn limits_hold_before_the_message_is_whole() {
    let long = vec![b'x'; MAX_LINE + 2];
    assert_eq!(frames(&[b"OPTIONS sip:a@b SIP/2.0\r\n", &long]), Err(FrameError::LineTooLong));
    let mut many = b"OPTIONS sip:a@b SIP/2.0\r\n".to_vec();
    many.extend(b"a: b\r\n".repeat(MAX_HEADERS + 1));
    assert_eq!(frames(&[&many]), Err(FrameError::TooManyHeaders));
    let text = format!("OPTIONS sip:a@b SIP/2.0\r\nl: {MAX_MESSAGE}\r\n\r\n");
    assert_eq!(frames(&[text.as_bytes()]), Err(FrameError::TooLong));
    assert_eq!(frames(&[b"OPTIONS sip:a@b SIP/2.0\nl: 0\r\n"]), Err(FrameError::BadLineEnd));
}

#[test]
fn an_error_stays() {
    let mut framer = StreamFramer::new();
    framer.feed(b"x\n");
    assert_eq!(framer.next_frame(), Err(FrameError::BadLineEnd));
    framer.feed(OPTIONS);
    assert_eq!(framer.next_frame(), Err(FrameError::BadLineEnd));
    assert_eq!(framer.buffered(), 0);
}

#[test]
fn a_folded_content_length_is_read_whole() {
    let folded = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length:\r\n 4\r\n\r\nbody";
    for cut in 0..folded.len() {
        let (a, b) = folded.split_at(cut);
        assert_eq!(frames(&[a, b]), Ok(vec![message(folded)]), "cut at {cut}");
    }
}

#[test]
fn a_line_of_exactly_the_limit_passes_however_it_is_cut() {
    let mut text = b"OPTIONS sip:a@b SIP/2.0\r\nl: 0\r\nx:".to_vec();
    text.resize(text.len() + MAX_LINE - 2, b'y');
    let line_end = text.len();
    text.extend_from_slice(b"\r\n\r\n");
    for cut in [line_end - 1, line_end, line_end + 1, line_end + 2] {
        let (a, b) = text.split_at(cut);
        assert_eq!(frames(&[a, b]).map(|frames| frames.len()), Ok(1), "cut at {cut}");
    }
    text.insert(line_end, b'y');
    assert_eq!(frames(&[&text]), Err(FrameError::LineTooLong));
}
