//! Bytes as a list of steps: each is one byte that says what to do, the length of its content in two
//! bytes, and the content. What is too short ends the list.

/// One step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub(crate) what: u8,
    pub(crate) content: &'a [u8],
}

/// The steps of a script, at most so many.
pub(crate) fn steps(mut script: &[u8], most: usize) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    while let Some(([what, high, low], rest)) = script.split_first_chunk() {
        if steps.len() == most {
            break;
        }
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (content, after) = rest.split_at(length);
        steps.push(Step {
            what: *what,
            content,
        });
        script = after;
    }
    steps
}

/// Appends a step to a script.
pub(crate) fn write(script: &mut Vec<u8>, what: u8, content: &[u8]) {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    script.push(what);
    script.extend(length.to_be_bytes());
    script.extend(&content[..usize::from(length)]);
}
