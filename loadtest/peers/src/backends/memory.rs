//! One actor that owns the stock, and no disk: gone when the process ends.

use std::collections::HashMap;

use anyhow::{Context, anyhow};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::backend::{Ask, Backend, Counts, Outcome};

pub struct Memory {
    actor: ActorRef<Message>,
}

enum Message {
    Create { event: String, capacity: u64 },
    Reserve(Ask, oneshot::Sender<Outcome>),
    Count(String, oneshot::Sender<Option<Counts>>),
}

#[derive(Default)]
struct Stock {
    capacity: u64,
    available: u64,
    by_key: HashMap<String, String>,
    reservations: HashMap<String, Ask>,
}

struct Owner;

impl Actor for Owner {
    type Msg = Message;
    type State = HashMap<String, Stock>;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Message>,
        (): (),
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(HashMap::new())
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        message: Message,
        events: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Create { event, capacity } => {
                let stock = Stock { capacity, available: capacity, ..Stock::default() };
                events.insert(event, stock);
            }
            Message::Reserve(ask, reply) => {
                let stock = events.get_mut(&ask.event);
                drop(reply.send(stock.map_or(Outcome::SoldOut, |stock| stock.reserve(ask))));
            }
            Message::Count(event, reply) => {
                let _ = reply.send(events.get(&event).map(Stock::counts));
            }
        }
        Ok(())
    }
}

impl Stock {
    fn reserve(&mut self, ask: Ask) -> Outcome {
        if let Some(id) = self.by_key.get(&ask.key) {
            return Outcome::Held(id.clone());
        }
        let Some(left) = self.available.checked_sub(u64::from(ask.quantity)) else {
            return Outcome::SoldOut;
        };
        self.available = left;
        self.by_key.insert(ask.key.clone(), ask.id.clone());
        let id = ask.id.clone();
        self.reservations.insert(id.clone(), ask);
        Outcome::Held(id)
    }

    fn counts(&self) -> Counts {
        let held = self.reservations.values().map(|ask| u64::from(ask.quantity)).sum();
        Counts { capacity: self.capacity, available: self.available, held }
    }
}

impl Memory {
    pub async fn start() -> anyhow::Result<Self> {
        let (actor, _) = Actor::spawn(None, Owner, ()).await?;
        Ok(Self { actor })
    }

    fn send(&self, message: Message) -> anyhow::Result<()> {
        self.actor.cast(message).map_err(|_| anyhow!("the actor is gone"))
    }
}

impl Backend for Memory {
    async fn create(&self, event: &str, _pool: &str, capacity: u64) -> anyhow::Result<()> {
        self.send(Message::Create { event: event.to_owned(), capacity })
    }

    async fn reserve(&self, ask: Ask) -> anyhow::Result<Outcome> {
        let (reply, outcome) = oneshot::channel();
        self.send(Message::Reserve(ask, reply))?;
        Ok(outcome.await?)
    }

    async fn counts(&self, event: &str) -> anyhow::Result<Counts> {
        let (reply, counts) = oneshot::channel();
        self.send(Message::Count(event.to_owned(), reply))?;
        counts.await?.context("no such event")
    }
}
