//! Trust anchor signaling (RFC 8145 §5): the servers of a zone are told by which of its keys it is judged here.
//!
//! In: the trust anchors. Out: for each zone that has some a question of type NULL for a name such as `_ta-4f66.`, whose
//! label is the key tags; what is answered does not matter. Who publishes a zone's keys so sees before a rollover how
//! many resolvers know the new one. The questions take the way of all others, but pass the cache and what is proven of
//! names that do not exist (RFC 8198): they are for the servers to hear, each once a day.

use std::sync::Arc;

use crate::dns::{Name, Question, RecordType};
use crate::limits;
use crate::service::Service;
use crate::validate::anchors::AnchorKey;

/// Key tags that a label of 63 octets holds behind `_ta` (RFC 8145 §5.1).
const TAGS_MAX: usize = 12;

impl Service {
    /// Tells the servers for as long as it is polled: at the beginning, and then each [`limits::KEY_TAG_PAUSE`].
    /// Those that could not be asked are asked again each [`limits::KEY_TAG_RETRY`].
    pub async fn signal_trust_anchors(self: Arc<Self>) {
        if !self.settings.trust_anchor_signaling {
            return;
        }
        loop {
            let next = self.clock.now().after(limits::KEY_TAG_PAUSE);
            let mut left = self.key_tag_questions();
            loop {
                left = self.unheard(left).await;
                let again = self.clock.now().after(limits::KEY_TAG_RETRY);
                if left.is_empty() || again >= next {
                    break;
                }
                self.clock.sleep_until(again).await;
            }
            self.clock.sleep_until(next).await;
        }
    }

    /// Asks, and returns what nobody heard.
    async fn unheard(self: &Arc<Self>, questions: Vec<Question>) -> Vec<Question> {
        let mut unheard = Vec::new();
        for question in questions {
            if self.fetch(&question, &self.silent_context()).await.is_err() {
                unheard.push(question);
            }
        }
        unheard
    }

    fn key_tag_questions(&self) -> Vec<Question> {
        let Some(validator) = self.validator() else { return Vec::new() };
        validator.anchors().iter().filter_map(|(zone, keys)| key_tag_question(zone, keys)).collect()
    }
}

/// None where the zone's name leaves no room for the label.
fn key_tag_question(zone: &Name, keys: &[AnchorKey]) -> Option<Question> {
    let mut tags: Vec<u16> = keys.iter().map(AnchorKey::key_tag).collect();
    tags.sort_unstable();
    tags.dedup();
    let label = tags.iter().take(TAGS_MAX).fold("_ta".to_owned(), |label, tag| format!("{label}-{tag:04x}"));
    Some(Question::new(zone.prepend(label.as_bytes()).ok()?, RecordType::NULL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_has_each_key_tag_once_in_four_hexadecimal_digits_from_the_lowest_on() {
        let key = |tag: u16| {
            let mut rdata = tag.to_be_bytes().to_vec();
            rdata.extend([8, 2, 0]);
            AnchorKey::Ds(rdata)
        };
        let asked = |zone: &str, tags: &[u16]| {
            let keys: Vec<AnchorKey> = tags.iter().copied().map(key).collect();
            key_tag_question(&zone.parse().unwrap(), &keys).map(|question| question.to_string())
        };
        let null = |name: &str| Some(Question::new(name.parse().unwrap(), RecordType::NULL).to_string());
        assert_eq!(asked(".", &[0x9728, 0x4f66, 0x9728]), null("_ta-4f66-9728."));
        assert_eq!(asked("example.", &[7]), null("_ta-0007.example."));
        let many: Vec<u16> = (1..=20).collect();
        let label = asked(".", &many).unwrap();
        assert!(label.starts_with("_ta-0001-0002-") && label.contains("-000c. "), "{label}");
        let long = ["a".repeat(63).as_str(); 3].join(".") + "." + &"a".repeat(57);
        assert_eq!(asked(&long, &[7]), None);
    }
}
