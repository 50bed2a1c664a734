//! One robot's WebSocket, from before it is open to after its last word.
//!
//! What is sent and what is received wait for each other nowhere: a robot that does not read misses frames, one that says
//! too much at once loses words, and one that is silent for too long is gone.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use strowger_core::vocab::Input;
use strowger_core::vocab::robot::{RobotCall, RobotEnd, RobotWord};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::words::{Said, Told, read};
use super::{Links, Note};
use crate::net::media::{LineEnd, LineMouth};
use crate::net::outbound_socket::OutboundSocket;

/// Until the WebSocket is open.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// Who takes nothing for so long does not read.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// Whoever is there is asked so often whether it is ...
const PING: Duration = Duration::from_secs(15);
/// ... and is gone when nothing at all came for so long.
const IDLE: Duration = Duration::from_secs(50);
/// For the other end to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// Bytes of audio that are spoken in a second.
const PACE: u64 = 2 * ::media::order::LINE_RATE as u64;
/// Bytes that may come ahead: as much as waits to be spoken.
const AHEAD: u64 = 2 * ::media::session::LINE_MOST as u64;
/// Texts that a robot may send at once, and in a second.
const TEXTS: (u64, u64) = (100, 20);
/// Answers to texts that wait for a robot.
const ANSWERS: usize = 16;

/// How a session ended.
enum End {
    /// By the robot, as it should.
    HungUp,
    /// By order.
    Ordered,
    /// By what should not be.
    Lost(String),
}

/// So much now, and so much more in a second.
struct Allowance {
    left: u64,
    most: u64,
    each_second: u64,
    since: Instant,
}

impl Allowance {
    fn new(most: u64, each_second: u64) -> Self {
        Self { left: most, most, each_second, since: Instant::now() }
    }

    fn take(&mut self, wanted: u64) -> bool {
        let passed = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let grown = passed.saturating_mul(self.each_second) / 1_000;
        if grown > 0 {
            self.since = Instant::now();
            self.left = self.left.saturating_add(grown).min(self.most);
        }
        let fits = wanted <= self.left;
        if fits {
            self.left -= wanted;
        }
        fits
    }
}

/// Connects, talks, and tells the switch how it ended.
pub(super) async fn run(
    links: Links,
    call: Box<RobotCall>,
    line: LineEnd,
    notes: mpsc::Receiver<Note>,
) {
    let (id, name) = (call.line, call.call);
    match talk(&links, &call, line, notes).await {
        End::HungUp => links.post_always(id, RobotWord::HangUp),
        End::Ordered => {}
        End::Lost(why) => {
            links.count_lost();
            // Without what follows the path: there are those who put secrets there.
            let url = call.url.split('?').next().unwrap_or_default();
            tracing::warn!(call = %name, task = call.task, url, "a robot is lost: {why}");
        }
    }
    links.gone(id);
    links.post_always(id, RobotWord::Lost);
}

async fn talk(
    links: &Links,
    call: &RobotCall,
    line: LineEnd,
    mut notes: mpsc::Receiver<Note>,
) -> End {
    let mut headers = Vec::new();
    if !call.token.expose().is_empty() {
        headers.push(("authorization".to_owned(), format!("Bearer {}", call.token.expose())));
    }
    let outbound = links.outbound();
    let opened = tokio::select! {
        opened = outbound.socket(&call.url, &headers, OPEN_LIMIT) => opened,
        () = ended(&mut notes) => return End::Ordered,
    };
    let socket = match opened {
        Ok(socket) => socket,
        Err(error) => return End::Lost(format!("it cannot be reached: {error}")),
    };
    let (mut sink, mut stream) = socket.split();
    if let Err(why) = send(&mut sink, Message::text(Told::start(call).text())).await {
        return End::Lost(why);
    }
    links.post_always(call.line, RobotWord::Opened);
    let mouth = line.mouth();
    let (answers, answered) = mpsc::channel(ANSWERS);
    let end = tokio::select! {
        end = tell(links, sink, line, (notes, answered)) => end,
        end = listen(links, call, &mut stream, (mouth, answers)) => end,
    };
    if !matches!(end, End::Lost(_)) {
        // What is on its way would reset the connection, and our last words with it.
        let rest = async { while let Some(Ok(_)) = stream.next().await {} };
        let _ = timeout(GOODBYE, rest).await;
    }
    end
}

/// Until the switch wants nothing more of a robot that is not there yet.
async fn ended(notes: &mut mpsc::Receiver<Note>) {
    while let Some(note) = notes.recv().await {
        if matches!(note, Note::Close(_)) {
            return;
        }
    }
}

type Sink = SplitSink<OutboundSocket, Message>;

async fn send(sink: &mut Sink, message: Message) -> Result<(), String> {
    match timeout(SEND_LIMIT, sink.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("the connection broke: {error}")),
        Err(_) => Err(format!("it has read nothing for {} s", SEND_LIMIT.as_secs())),
    }
}

/// Sends what is said in the call, and what the switch has to tell.
async fn tell(
    links: &Links,
    mut sink: Sink,
    mut line: LineEnd,
    (mut notes, mut answers): (mpsc::Receiver<Note>, mpsc::Receiver<String>),
) -> End {
    let mut ping = interval(PING);
    let mut missed = 0;
    loop {
        let message = tokio::select! {
            biased;
            note = notes.recv() => match note {
                Some(Note::Key(digit)) => Message::text(Told::Dtmf { digit }.text()),
                Some(Note::Refused(why)) => Message::text(Told::Error { message: &why }.text()),
                Some(Note::Close(reason)) => return goodbye(sink, reason).await,
                None => return goodbye(sink, RobotEnd::Ended).await,
            },
            Some(why) = answers.recv() => Message::text(Told::Error { message: &why }.text()),
            frame = line.hear() => match frame {
                Some(frame) => Message::binary(frame.to_vec()),
                None => return goodbye(sink, RobotEnd::Ended).await,
            },
            _ = ping.tick() => Message::Ping(Default::default()),
        };
        if let Err(why) = send(&mut sink, message).await {
            return End::Lost(why);
        }
        links.count_missed(line.missed() - missed);
        missed = line.missed();
    }
}

async fn goodbye(mut sink: Sink, reason: RobotEnd) -> End {
    let last = Message::text(Told::Hangup { reason }.text());
    // It may be gone already; there is nobody who would want to know.
    let _ = timeout(GOODBYE, async {
        sink.send(last).await?;
        sink.close().await
    })
    .await;
    End::Ordered
}

/// Takes what the robot says.
async fn listen(
    links: &Links,
    call: &RobotCall,
    stream: &mut SplitStream<OutboundSocket>,
    (mouth, answers): (LineMouth, mpsc::Sender<String>),
) -> End {
    let mut audio = Allowance::new(AHEAD, PACE);
    let mut texts = Allowance::new(TEXTS.0, TEXTS.1);
    loop {
        let message = match timeout(IDLE, stream.next()).await {
            Err(_) => return End::Lost(format!("nothing came for {} s", IDLE.as_secs())),
            Ok(None) => return End::Lost("the connection ended".into()),
            Ok(Some(Err(error))) => return End::Lost(format!("the connection broke: {error}")),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            Message::Binary(pcm) => {
                if audio.take(pcm.len() as u64) {
                    mouth.say(pcm.to_vec());
                } else {
                    links.count_refused(pcm.len() as u64);
                }
            }
            Message::Text(text) => {
                if !texts.take(1) {
                    return End::Lost(format!("it sent more than {} texts at once", TEXTS.0));
                }
                let done = obey(links, call, &mouth, text.as_str());
                if matches!(done, Ok(true)) {
                    audio = Allowance::new(AHEAD, PACE);
                }
                if let Err(why) = done {
                    // Whoever does not read the answers to its mistakes does not get them.
                    let _ = answers.try_send(why);
                }
            }
            Message::Close(frame) => {
                return match frame {
                    Some(frame) if frame.code == CloseCode::Normal => End::HungUp,
                    Some(frame) => End::Lost(format!("it left with {}", frame.code)),
                    None => End::HungUp,
                };
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// Does what a text says. True where all that was said before stays unheard.
fn obey(links: &Links, call: &RobotCall, mouth: &LineMouth, text: &str) -> Result<bool, String> {
    let word = match read(text)? {
        Said::Clear => {
            mouth.hush();
            return Ok(true);
        }
        Said::HangUp => RobotWord::HangUp,
        Said::Transfer(to) => RobotWord::Transfer(to),
        Said::Vars(vars) => RobotWord::Vars(vars),
    };
    let input = Input::Robot { line: call.line, word };
    links.post(input).map_err(|()| "the switch is busy; try again in a second".to_owned())?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use ::media::order::MixId;
    use strowger_core::vocab::dial::DialNumber;
    use strowger_core::vocab::{CallId, Secret, WorkerId};
    use tokio::net::TcpStream;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;

    use super::super::Robots;
    use super::*;
    use crate::net::outbound::Outbound;
    use crate::node::mailbox::Mailbox;

    const LINE: MixId = MixId(7);
    const LIMIT: Duration = Duration::from_secs(20);

    /// The switch's side of a session: what it heard, and the counts.
    struct Heard {
        words: Vec<RobotWord>,
        lost: u64,
        refused: u64,
    }

    /// A session from its beginning to its end with a robot that does this when it has been told who is called.
    async fn session<F, R>(robot: F) -> Heard
    where
        F: FnOnce(WebSocketStream<TcpStream>) -> R,
        R: Future<Output = ()>,
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let mailbox = Arc::new(Mailbox::new().unwrap());
        let outbound = Outbound::new(&[], true).unwrap();
        let runtime = tokio::runtime::Handle::current();
        let robots = Robots::new(runtime, outbound, Arc::clone(&mailbox));
        let call = RobotCall {
            line: LINE,
            worker: WorkerId(0),
            url,
            token: Secret::new("open sesame"),
            tenant: "demo".into(),
            call: CallId(5),
            task: "spring".into(),
            number: DialNumber { id: "17".into(), number: "0571".into() },
            caller_number: "0572".into(),
        };
        let (notes, received) = mpsc::channel(1);
        robots.links.figures.present.fetch_add(1, Ordering::Relaxed);
        let own = run(robots.links.clone(), Box::new(call), LineEnd::loose(LINE), received);
        let other = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let first = socket.next().await.unwrap().unwrap().into_text().unwrap();
            assert!(first.contains(r#""type":"start""#) && first.contains("0571"), "{first}");
            robot(socket).await;
        };
        timeout(LIMIT, async { tokio::join!(own, other) }).await.unwrap();
        drop(notes);
        let mut letters = VecDeque::new();
        mailbox.letters().take(&mut letters);
        let word = |input| match input {
            Input::Robot { line: LINE, word } => word,
            other => panic!("{other:?}"),
        };
        let figures = robots.figures();
        assert_eq!(figures.present.load(Ordering::Relaxed), 0);
        Heard {
            words: letters.into_iter().map(word).collect(),
            lost: figures.lost.load(Ordering::Relaxed),
            refused: figures.refused.load(Ordering::Relaxed),
        }
    }

    async fn leave(mut socket: WebSocketStream<TcpStream>) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        socket.send(Message::Close(Some(frame))).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    }

    #[tokio::test]
    async fn a_robot_that_leaves_as_it_should_hangs_up() {
        let heard = session(leave).await;
        assert_eq!(heard.words, [RobotWord::Opened, RobotWord::HangUp, RobotWord::Lost]);
        assert_eq!((heard.lost, heard.refused), (0, 0));
    }

    #[tokio::test]
    async fn a_robot_whose_connection_breaks_is_lost() {
        let heard = session(|socket| async { drop(socket) }).await;
        assert_eq!(heard.words, [RobotWord::Opened, RobotWord::Lost]);
        assert_eq!(heard.lost, 1);
    }

    #[tokio::test]
    async fn audio_that_comes_too_fast_goes_no_further() {
        const MESSAGE: usize = 60_000;
        let heard = session(|mut socket| async {
            for _ in 0..40 {
                socket.send(Message::binary(vec![0; MESSAGE])).await.unwrap();
            }
            leave(socket).await;
        })
        .await;
        assert_eq!(heard.words.last(), Some(&RobotWord::Lost));
        let taken = 40 * MESSAGE as u64 - heard.refused;
        // Half a minute, and what could be spoken meanwhile.
        assert!((420_000..480_000 + 20 * PACE).contains(&taken), "{taken}");
    }

    #[tokio::test]
    async fn a_robot_that_talks_without_end_is_lost() {
        let heard = session(|mut socket| async move {
            // The other end may be gone before all is said.
            while socket.send(Message::text(r#"{"type": "clear"}"#)).await.is_ok() {}
        })
        .await;
        assert_eq!(heard.words, [RobotWord::Opened, RobotWord::Lost]);
        assert_eq!(heard.lost, 1);
    }

    #[tokio::test]
    async fn what_a_robot_says_is_told_and_its_mistakes_are_answered() {
        let heard = session(|mut socket| async {
            socket.send(Message::text(r#"{"type": "transfer", "to": "9001"}"#)).await.unwrap();
            socket.send(Message::text("what?")).await.unwrap();
            let answer = loop {
                match socket.next().await.unwrap().unwrap() {
                    Message::Text(text) => break text,
                    _ => continue,
                }
            };
            assert!(answer.contains(r#""type":"error""#) && answer.contains("hangup"), "{answer}");
            leave(socket).await;
        })
        .await;
        let transfer = RobotWord::Transfer("9001".into());
        let expected = [RobotWord::Opened, transfer, RobotWord::HangUp, RobotWord::Lost];
        assert_eq!(heard.words, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn an_allowance_is_used_up_and_grows_again() {
        let mut own = Allowance::new(100, 20);
        assert!(own.take(60) && own.take(40) && !own.take(1));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(own.take(2) && !own.take(1));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!own.take(101) && own.take(100));
    }
}
