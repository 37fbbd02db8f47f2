//! Where answers come from: the iterator, or a forward zone. `route` picks one.

use crate::context::{BoxFuture, Context};
use crate::dns::Question;
use crate::dns::response::Scrubbed;
use crate::failure::Failure;
use crate::iterate::resolver::Resolver;

/// Answers one question, unproven and without following aliases out of the response.
pub trait Source: Send + Sync {
    /// Asks. Everything sent is charged to `context.budget`.
    fn resolve<'a>(
        &'a self,
        question: &'a Question,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Scrubbed, Failure>>;
}

impl Source for Resolver {
    fn resolve<'a>(
        &'a self,
        question: &'a Question,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Scrubbed, Failure>> {
        Box::pin(self.resolve(question, context))
    }
}
