//! A key of a simulated phone that shows another phone's calls: subscribes, refreshes, and reads what it is told with its
//! own few lines.

use crate::phone::{Out, Phone};
use crate::wire::{Msg, finish};

/// One subscription to the `dialog` package.
#[derive(Debug, Clone)]
pub struct Lamp {
    call_id: String,
    number: String,
    /// To, with the switch's tag once there is one.
    to: String,
    cseq: u32,
    /// The number of the latest NOTIFY, and the states in it.
    told: (u32, Vec<String>),
    /// A SUBSCRIBE of after the faults was answered.
    checked: bool,
}

impl Lamp {
    pub fn to(number: &str, call_id: String) -> Self {
        Self {
            call_id,
            number: number.to_owned(),
            to: format!("<sip:{number}@pbx.test>"),
            cseq: 0,
            told: (0, Vec::new()),
            checked: false,
        }
    }

    /// What it still shows though nobody calls any more.
    pub fn wrong(&self) -> Option<String> {
        let shows = self.told.1.iter().any(|state| state != "terminated");
        (self.checked && shows).then(|| format!("{} is shown as {:?}", self.number, self.told.1))
    }
}

impl Phone {
    /// Subscribes, or refreshes.
    pub fn watch(&mut self, now: u64, challenge: Option<&str>) -> Vec<Out> {
        let branch = self.branch();
        let (via, address, own, contact) =
            (self.via(), self.address, self.number.clone(), self.contact());
        let Some(lamp) = &mut self.lamp else { return Vec::new() };
        lamp.cseq += 1;
        let Lamp { call_id, number, to, cseq, .. } = lamp.clone();
        let uri = format!("sip:{number}@pbx.test");
        let mut head = format!(
            "SUBSCRIBE {uri} SIP/2.0\r\nVia: {via} {address};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{own}@pbx.test>;tag=lamp\r\nTo: {to}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: {contact}\r\n\
             Event: dialog\r\nExpires: 600\r\n"
        );
        if let Some(challenge) = challenge {
            let answer = self.answer(challenge, "SUBSCRIBE", &uri);
            head += &format!("Proxy-Authorization: {answer}\r\n");
        }
        self.send(now, branch, finish(head, "", ""), None, challenge.is_some())
    }

    /// A SUBSCRIBE was answered.
    pub fn watched(&mut self, now: u64, msg: &Msg, status: u16, challenged: bool) -> Vec<Out> {
        match status {
            407 if !challenged => return self.watch(now, Some(msg.get("proxy-authenticate"))),
            200 => {
                if let Some(lamp) = &mut self.lamp {
                    lamp.to = msg.get("to").to_owned();
                    lamp.checked = self.quiet;
                }
                if self.quiet {
                    self.seen.insert("lamp checked".into());
                }
            }
            // Its subscription is gone; with the next registration it makes another.
            _ => self.lamp = None,
        }
        Vec::new()
    }

    /// A NOTIFY came.
    pub fn notified(&mut self, msg: &Msg) -> Vec<Out> {
        let own = self.lamp.as_mut().filter(|lamp| lamp.call_id == msg.get("call-id"));
        let Some(lamp) = own else { return vec![Out::Send(msg.response(481, "t", "", ""))] };
        if msg.cseq() > lamp.told.0 {
            let pieces = msg.body.split("<state>").skip(1);
            let states = pieces.filter_map(|piece| piece.split("</state>").next());
            lamp.told = (msg.cseq(), states.map(str::to_owned).collect());
            self.seen.extend(lamp.told.1.iter().map(|state| format!("lamp {state}")));
        }
        if msg.get("subscription-state").starts_with("terminated") {
            self.lamp = None;
        }
        vec![Out::Send(msg.response(200, "t", "", ""))]
    }
}
