//! What each client question cost: a source that counts what is sent for each budget it is asked with.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use rootwalk::budget::Budget;
use rootwalk::context::{BoxFuture, Context};
use rootwalk::dns::Question;
use rootwalk::dns::response::Scrubbed;
use rootwalk::event::{Event, Observer};
use rootwalk::failure::Failure;
use rootwalk::limits::Limit;
use rootwalk::service::source::Source;

/// One budget, and what was really sent on it.
pub(super) struct Account {
    budget: Arc<Budget>,
    /// What was asked first.
    question: Question,
    sent: AtomicU32,
}

thread_local! {
    /// Whether an event is being handed on: who hears it then is further from where it happened.
    static HANDED_ON: Cell<bool> = const { Cell::new(false) };
}

/// Counts for an account, and hands on to who listened before.
struct Counting {
    account: Arc<Account>,
    next: Arc<dyn Observer>,
}

impl Observer for Counting {
    fn on(&self, event: &Event<'_>) {
        let counted = HANDED_ON.replace(true);
        if !counted && matches!(event, Event::Sent { .. }) {
            self.account.sent.fetch_add(1, Ordering::Relaxed);
        }
        self.next.on(event);
        HANDED_ON.set(counted);
    }
}

/// All budgets of a run, in the order they came.
#[derive(Default)]
pub(super) struct Meter {
    accounts: Mutex<Vec<Arc<Account>>>,
    /// By the address of the budget, which its account keeps alive.
    places: Mutex<BTreeMap<usize, usize>>,
}

impl Meter {
    fn account(&self, context: &Context, question: &Question) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap();
        let address = Arc::as_ptr(&context.budget).addr();
        let place = *self.places.lock().unwrap().entry(address).or_insert_with(|| {
            let budget = Arc::clone(&context.budget);
            accounts.push(Arc::new(Account { budget, question: question.clone(), sent: AtomicU32::new(0) }));
            accounts.len() - 1
        });
        Arc::clone(&accounts[place])
    }

    /// Packets charged and sent, or refused by the host, for each question, in order.
    pub(super) fn packets(&self) -> Vec<u32> {
        let charged = |one: &Arc<Account>| one.budget.spent(Limit::Packets).min(Limit::Packets.default_cap());
        self.accounts.lock().unwrap().iter().map(charged).collect()
    }

    /// The first question that cost more than is allowed; and whether each of the `sent` packets was charged.
    pub(super) fn check(&self, sent: usize) -> Result<(), String> {
        let charged: u32 = self.packets().iter().sum();
        if usize::try_from(charged).is_ok_and(|charged| charged < sent) {
            return Err(format!("{sent} packets were sent, {charged} charged"));
        }
        for account in self.accounts.lock().unwrap().iter() {
            let sent = account.sent.load(Ordering::Relaxed);
            let over = |limit: Limit, used: u32| {
                format!("{} cost {used} {limit}, more than {}", account.question, limit.default_cap())
            };
            if sent > Limit::Packets.default_cap() {
                return Err(over(Limit::Packets, sent));
            }
            for limit in [Limit::Verifications, Limit::FailedVerifications] {
                // What goes beyond the cap is charged, and not done; then the question ends.
                let used = account.budget.spent(limit);
                if used > limit.default_cap() + 2 {
                    return Err(over(limit, used));
                }
            }
        }
        Ok(())
    }
}

/// The resolver, watched.
pub(super) struct Metered {
    pub(super) source: Arc<dyn Source>,
    pub(super) meter: Arc<Meter>,
}

impl Source for Metered {
    fn resolve<'a>(
        &'a self,
        question: &'a Question,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Scrubbed, Failure>> {
        let account = self.meter.account(context, context.ancestors.first().unwrap_or(question));
        let observer = Arc::new(Counting { account, next: Arc::clone(&context.observer) });
        let context = Context { observer, ..context.clone() };
        Box::pin(async move { self.source.resolve(question, &context).await })
    }
}
