//! Giving a place up, and looking whether it is gone.

use super::answers::Place;
use super::crowd::Shared;
use super::fan::{Stage, mark};
use super::laws::Law;
use super::roles::Role;
use super::walk::{Lines, ask, misfit};
use super::{requests, shop};

/// Gives the place up, with the pass if there is one.
pub async fn leave(crowd: &Shared, lines: &mut Lines, fan: u32) -> anyhow::Result<()> {
    let token = {
        let mut crowd = crowd.borrow_mut();
        shop::stop_shopping(&mut crowd, fan);
        crowd.fans[fan as usize].set(mark::LEFT);
        crowd.fans[fan as usize].token()
    };
    let Some(answer) = ask(crowd, &mut lines.first, fan, &requests::leave(&token)).await else {
        return Ok(());
    };
    let mut crowd = crowd.borrow_mut();
    match answer.status {
        200 | 204 | 410 => {
            crowd.laws.checked(Law::Answered, 1);
            crowd.story.left += 1;
            crowd.again(fan, Stage::LooksBack, 1_500);
        }
        _ => misfit(&mut crowd, fan, "leaving", &answer),
    }
    Ok(())
}

/// One who has left has no place any more.
pub async fn look_back(crowd: &Shared, lines: &mut Lines, fan: u32) -> anyhow::Result<()> {
    if crowd.borrow().role(fan) != Role::Leaves {
        crowd.borrow_mut().finish(fan);
        return Ok(());
    }
    let token = crowd.borrow().fans[fan as usize].token();
    let Some(answer) = ask(crowd, &mut lines.first, fan, &requests::poll(&token)).await else {
        return Ok(());
    };
    let mut crowd = crowd.borrow_mut();
    let over = match answer.status {
        200 => {
            answer.parse::<Place<'_>>().is_ok_and(|told| matches!(told.status, "LEFT" | "EXPIRED"))
        }
        status => matches!(status, 410 | 429),
    };
    let wrong = || format!("fan {fan} left, and is told {}", answer.text());
    crowd.laws.check(Law::Answered, over, wrong);
    crowd.finish(fan);
    Ok(())
}
