//! A client's message: read in place as the walker reads it, and every message gets the reply it is owed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rootwalk::dns::Rcode;
use rootwalk::dns::message::Message;
use rootwalk::dns::view::{QueryFault, QueryView, error_reply};

fuzz_target!(|bytes: &[u8]| {
    let parsed = QueryView::parse(bytes);
    let rcode = parsed.err().map_or(Some(Rcode::SERVFAIL), QueryFault::rcode);
    let reply = error_reply(bytes, rcode.unwrap_or(Rcode::FORMERR), None);
    assert_eq!(reply.is_some(), rcode.is_some(), "there is a reply unless the message is to be dropped");
    if let Some(reply) = reply {
        let reply = Message::parse(&reply).expect("an error reply can be read");
        assert!(reply.header.response);
        assert_eq!(Some(reply.header.rcode), rcode);
    }
    let Ok(view) = parsed else { return };
    let question = view.question();
    assert_eq!(question.name.as_wire(), view.name);
    // A record beside OPT may be one that the walker does not read; nothing else tells the two apart.
    if let Ok(message) = Message::parse(bytes) {
        assert_eq!(message.question, Some(question));
        assert_eq!(message.header.recursion_desired, view.recursion_desired());
        assert_eq!(message.edns.as_ref().is_some_and(|edns| edns.dnssec_ok), view.dnssec_ok());
        assert_eq!(
            message.edns.as_ref().and_then(|edns| edns.cookie().cloned()),
            view.edns.and_then(|e| e.cookie())
        );
    }
});
