//! The clients' side: threads that ask for one thing after the other, and note what they were told.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    dice::Dice,
    world::{Wanted, World, body_of},
};
use crate::support::{Connection, Response, ShopClient};

/// A call and what came of it.
#[derive(Debug)]
pub(super) struct Call {
    /// Which of the run's clients.
    pub(super) client: usize,
    pub(super) ask: Ask,
    /// `None`: the connection ended before the answer was complete.
    pub(super) answer: Option<Response>,
}

/// What is asked for. The same one again is the same request to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ask {
    /// Its `Idempotency-Key`, if it is a write.
    pub(super) key: Option<String>,
    pub(super) target: String,
    /// What the upstream answers.
    pub(super) status: u16,
    pub(super) number: u64,
}

/// One thread's part in a run.
pub(super) struct Caller {
    pub(super) client: usize,
    dice: Dice,
    name: usize,
    asked: u64,
    /// Writes that it may repeat.
    pub(super) writes: Vec<Ask>,
}

/// How many of the writes asked for last are repeated now and then.
const REPEATED: usize = 64;

impl Caller {
    pub(super) fn new(seed: u64, name: usize, client: usize) -> Self {
        let dice = Dice::of(seed, u64::try_from(name).unwrap());
        Self { client, dice, name, asked: 0, writes: Vec::new() }
    }

    /// Asks until the gateway is gone, or all callers together have asked so often.
    pub(super) fn run(
        &mut self,
        gateway: SocketAddr,
        client: &ShopClient,
        world: &World,
        left: &AtomicUsize,
    ) -> Vec<Call> {
        let mut calls = Vec::new();
        let Ok(mut connection) = Connection::try_open(gateway) else { return calls };
        let take = |left: usize| left.checked_sub(1);
        while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            let ask = self.choose();
            let answer = ask.call(&mut connection, &client.key);
            let has_ended = answer.is_none();
            calls.push(Call { client: self.client, ask, answer });
            if has_ended {
                break;
            }
            world.note_answer();
        }
        calls
    }

    fn choose(&mut self) -> Ask {
        self.asked += 1;
        let number = u64::try_from(self.name).unwrap() * 1_000_000_000 + self.asked;
        let is_held = self.dice.below(4) == 0;
        let wanted = |status| Wanted { status, number, is_held }.to_string();
        match self.dice.below(10) {
            0..5 => {
                let status = self.dice.pick(&[200, 200, 200, 200, 404, 500, 503]);
                Ask { key: None, target: format!("/v1/orders/{}", wanted(status)), status, number }
            }
            5..9 => {
                let status = self.dice.pick(&[201, 201, 201, 201, 422, 500, 503]);
                let target = format!("/v1/orders?wanted={}", wanted(status));
                let ask = Ask { key: Some(format!("key-{number}")), target, status, number };
                self.writes.push(ask.clone());
                ask
            }
            _ if self.writes.is_empty() => self.choose(),
            _ => {
                let from = self.writes.len().saturating_sub(REPEATED);
                self.writes[from + self.dice.below(self.writes.len() - from)].clone()
            }
        }
    }
}

impl Ask {
    /// Asks on this connection.
    pub(super) fn call(&self, connection: &mut Connection, api_key: &str) -> Option<Response> {
        let (method, rest, body) = match &self.key {
            None => ("GET", String::new(), String::new()),
            Some(key) => {
                let body = self.body();
                let rest = format!(
                    "Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
                    body.len()
                );
                ("POST", rest, body)
            }
        };
        let target = &self.target;
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: x\r\nX-API-Key: {api_key}\r\n{rest}\r\n{body}");
        connection.try_send(head).ok()?;
        connection.try_receive(method)
    }

    fn body(&self) -> String {
        body_of(self.key.as_deref().unwrap_or_default(), self.number)
    }

    /// Whether this is what the upstream answered, as the gateway shows it.
    pub(super) fn is_answered_by(&self, answer: &Response) -> bool {
        match self.status {
            200..300 => (answer.status, answer.text()) == (self.status, self.body()),
            500.. => answer.status == 500 && answer.header("x-error-source") == Some("upstream"),
            _ => answer.status == self.status,
        }
    }

    /// Whether the upstream's answer promises that nothing was done, so that the key is free again.
    pub(super) fn is_released(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 503)
    }
}
