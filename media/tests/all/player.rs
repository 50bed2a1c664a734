//! Prompts: reading, encoding once, playing to many.

use std::io::Cursor;
use std::sync::Arc;

use hound::{SampleFormat, WavSpec, WavWriter};
use strowger_media::codec::Decoder;
use strowger_media::order::CodecKind;
use strowger_media::player::{EncodedPrompt, PLAYABLE, Player, PromptCache, PromptEncoder};
use strowger_media::wav::{MAX_PROMPT_SECS, Prompt, WavError};

use crate::codec_audio::{snr_db, tone};

fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let spec = WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec).unwrap();
    for sample in samples {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
    file.into_inner()
}

fn prompt(rate: u32, samples: usize) -> Arc<Prompt> {
    Arc::new(Prompt::from_samples(rate, tone(500.0, rate, 8000.0, samples)).unwrap())
}

fn encoded(kind: CodecKind, samples: usize) -> Arc<EncodedPrompt> {
    Arc::new(EncodedPrompt::encode(&prompt(8000, samples), kind).unwrap())
}

#[test]
fn a_wav_file_becomes_a_prompt() {
    let samples = tone(440.0, 8000, 9000.0, 800);
    let prompt = Prompt::read(&wav(8000, 1, &samples)).unwrap();
    assert_eq!((prompt.rate(), prompt.samples()), (8000, &samples[..]));
    assert_eq!(prompt.length_ms(), 100);
    assert_eq!(Prompt::read(&wav(16_000, 1, &samples)).unwrap().length_ms(), 50);
}

#[test]
fn an_unsuitable_file_says_what_would_be_right() {
    let error = Prompt::read(&wav(44_100, 2, &[0; 100])).unwrap_err();
    assert_eq!(error, WavError::Shape { rate: 44_100, channels: 2, bits: 16, float: false });
    assert!(error.to_string().contains("wanted: 8000 or 16000 Hz, 1 channel, 16 bits"));
    assert!(matches!(Prompt::read(b"ID3 what"), Err(WavError::NotWav(_))));
    assert_eq!(Prompt::read(&wav(8000, 1, &[])), Err(WavError::Empty));
    let mut cut = wav(8000, 1, &[5; 1000]);
    cut.truncate(500);
    assert!(matches!(Prompt::read(&cut), Err(WavError::NotWav(_))));
    let long = (MAX_PROMPT_SECS as usize + 1) * 8000;
    assert_eq!(Prompt::read(&wav(8000, 1, &vec![0; long])), Err(WavError::TooLong(601)));
}

#[test]
fn a_prompt_sounds_the_same_in_every_codec() {
    for rate in [8000, 16_000] {
        let prompt = prompt(rate, rate as usize * 2);
        for kind in PLAYABLE {
            let encoded = Arc::new(EncodedPrompt::encode(&prompt, kind).unwrap());
            assert_eq!(encoded.length_ms(), 2000, "{kind:?}");
            let mut player = Player::new(vec![encoded], false, 20);
            let mut decoder = Decoder::new(kind).unwrap();
            let (mut payload, mut heard) = (Vec::new(), Vec::new());
            while player.next(&mut payload) {
                decoder.decode(&payload, &mut heard).unwrap();
            }
            let rate = strowger_media::codec::audio_rate(kind).unwrap();
            assert_eq!(heard.len(), rate as usize * 2);
            let snr = snr_db(&heard[heard.len() / 2..], 500.0, rate);
            let least = if kind == CodecKind::Opus { 10.0 } else { 33.0 };
            assert!(snr > least, "{kind:?}: {snr:.1} dB");
        }
    }
}

#[test]
fn piecewise_encoding_gives_the_same_octets() {
    let prompt = prompt(8000, 8123);
    for kind in PLAYABLE {
        let mut encoder = PromptEncoder::new(Arc::clone(&prompt), kind).unwrap();
        let mut steps = 1;
        while encoder.advance(7) {
            steps += 1;
        }
        assert_eq!(steps, 8);
        assert_eq!(Some(encoder.finish()), EncodedPrompt::encode(&prompt, kind));
    }
}

#[test]
fn a_list_plays_without_gaps_at_any_packet_length() {
    let list = vec![encoded(CodecKind::Pcma, 400), encoded(CodecKind::Pcma, 160)];
    for (packet_ms, packets) in [(10, 8), (20, 4), (30, 3), (60, 2)] {
        let mut player = Player::new(list.clone(), false, packet_ms);
        let (mut payload, mut heard) = (Vec::new(), Vec::new());
        let mut count = 0;
        while player.next(&mut payload) {
            assert_eq!(payload.len(), usize::from(packet_ms) * 8);
            heard.extend_from_slice(&payload);
            count += 1;
        }
        assert_eq!(count, packets);
        // 400 samples fill three frames of 20 ms; then the second prompt follows.
        let silence = heard[480 + 160..].iter().all(|octet| *octet == 0xd5);
        assert!(silence && heard[0..400].iter().any(|octet| *octet != 0xd5));
        let alone = &mut Player::new(vec![list[1].clone()], false, 20);
        assert!(alone.next(&mut payload));
        assert_eq!(heard[480..640], payload[..]);
    }
}

#[test]
fn music_repeats_for_ever() {
    for kind in [CodecKind::Pcmu, CodecKind::Opus] {
        let mut player = Player::new(vec![encoded(kind, 320)], true, 20);
        let mut rounds = Vec::new();
        for _ in 0..6 {
            let mut payload = Vec::new();
            assert!(player.next(&mut payload));
            rounds.push(payload);
        }
        assert_eq!(rounds[0], rounds[2]);
        assert_eq!(rounds[1], rounds[5]);
    }
    let mut nothing = Player::new(Vec::new(), true, 20);
    assert!(!nothing.next(&mut Vec::new()));
}

#[test]
fn the_cache_is_shared_and_bounded() {
    let mut cache = PromptCache::new(2000);
    cache.insert("en/busy", encoded(CodecKind::Pcma, 1600)).unwrap();
    assert_eq!(cache.used(), 1600);
    let first = cache.get("en/busy", CodecKind::Pcma).unwrap();
    assert!(Arc::ptr_eq(&first, &cache.get("en/busy", CodecKind::Pcma).unwrap()));
    assert!(cache.get("en/busy", CodecKind::Pcmu).is_none());
    assert!(cache.insert("en/busy", encoded(CodecKind::Pcmu, 1600)).is_err());
    cache.insert("en/busy", encoded(CodecKind::Pcma, 800)).unwrap();
    cache.insert("en/busy", encoded(CodecKind::Pcmu, 800)).unwrap();
    assert_eq!(cache.used(), 1600);
    cache.clear();
    assert!(cache.get("en/busy", CodecKind::Pcma).is_none());
    assert_eq!(cache.used(), 0);
}
