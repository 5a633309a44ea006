#!/usr/bin/env bash
# Shows that the fault tests can fail: plants one bug after another (src/faults.rs) and expects the test
# that is there for it to notice. Needs what those tests need: strace, and leave to mount a tmpfs.
set -uo pipefail
cd "$(dirname "$0")/.."

cargo test --workspace --locked --test recovery --test purchase --test room_host --test room_door --test identity \
  --test limits --no-run || exit 1
cargo test --workspace --locked --test recovery --test purchase --test room_host --test edge --no-run || exit 1
missed=0
bites() { # planted bug, test that must fail on it, target of the test (recovery), tries (1)
  local output try
  for try in $(seq "${4:-1}"); do
    output=$(ONSALE_FAULT=$1 timeout 300 cargo test --workspace --locked --test "${3:-recovery}" -- --include-ignored --exact "$2" 2>&1)
    if grep -q "^test result: FAILED. 0 passed; 1 failed" <<<"$output"; then
      echo "noticed: $1 by $2 (try $try)"
      return
    fi
  done
  echo "NOT NOTICED: $1 by $2"
  tail -n 5 <<<"$output"
  missed=1
}
# Where a death at a random moment must fall between two steps, it does not each time.
by_chance() { bites "$1" "$2" "$3" 5; }

bites skip_flush kills::no_kill_loses_an_acknowledged_reservation_or_oversells
bites reply_before_commit kills::no_kill_loses_an_acknowledged_reservation_or_oversells
bites forget_last_record kills::no_kill_loses_an_acknowledged_reservation_or_oversells
bites forget_last_record shard_failure::a_shard_that_panics_comes_back_with_all_it_promised
bites ignore_watermark damage::each_flipped_byte_is_refused_or_harmless
bites ignore_watermark damage::a_tail_that_nobody_was_told_of_is_dropped_and_one_that_was_told_is_missed
bites ignore_append_error journal_fault::nothing_is_acknowledged_that_the_journal_refused
bites ignore_full_disk disk_full::a_full_disk_refuses_sales_loses_none_and_sells_on_when_there_is_space
bites skip_fdatasync sync_order::between_each_write_and_its_answer_the_disk_was_synced
bites reply_before_commit sync_order::between_each_write_and_its_answer_the_disk_was_synced
bites charge_anew crashes::no_death_around_a_charge_loses_or_doubles_money purchase
bites charge_anew payments::a_card_is_charged_once_whatever_becomes_of_the_answer purchase
bites unknown_is_declined payments::a_card_is_charged_once_whatever_becomes_of_the_answer purchase
bites skip_look_up payments::a_card_is_charged_once_whatever_becomes_of_the_answer purchase
bites refund_by_key_only refunds::a_refund_under_way_is_looked_up_and_not_asked_for_again purchase
by_chance note_before_send crashes::no_death_around_a_mail_loses_it purchase
by_chance note_before_send short_messages::no_death_around_a_short_message_loses_it_and_a_repeat_has_its_id purchase
by_chance note_before_announce announced::no_death_around_a_webhook_loses_it purchase
bites note_before_announce announced::no_kill_while_the_receiver_thinks_loses_what_it_never_answered purchase
bites note_before_announce announced::one_entry_that_is_not_taken_holds_up_no_other_and_comes_later purchase
bites log_skips_frame follow_log::who_follows_the_log_has_the_same_books_whatever_happens
bites tell_undurable follow_log::who_follows_the_log_has_the_same_books_whatever_happens
bites audit_late audit::a_change_whose_outcome_was_lost_is_on_record_without_one edge
bites audit_late audit::no_kill_loses_the_record_of_a_change_that_was_answered edge
bites skip_flush audit::no_kill_loses_the_record_of_a_change_that_was_answered edge
bites reply_before_commit durable::a_place_is_on_disk_before_its_fan_or_anybody_hears_of_it room_host
by_chance reply_before_commit kills::no_kill_loses_or_moves_a_place room_host
by_chance skip_flush kills::no_kill_loses_or_moves_a_place room_host
bites forget_last_record replaced::a_host_that_panics_comes_back_with_all_it_promised room_host
bites ignore_limits rates::ten_times_the_allowed_rate_gets_the_quota_of_every_window limits
bites trust_anybody clients::whoever_is_no_proxy_of_ours_counts_by_their_own_address limits
bites forget_debts restarts::who_has_used_up_their_quota_has_none_after_a_restart limits
bites shed_nothing overload::what_matters_least_is_refused_first_and_health_never limits
bites ignore_shoppers law::never_are_more_let_in_than_may_shop room_host
bites open_gate journey::fans_wait_are_drawn_let_in_and_buy_and_each_turn_that_ends_is_the_next_ones room_door
bites pass_for_anybody gate::a_pass_is_for_its_customer_its_event_and_nothing_that_looks_like_it room_door
bites challenge_again challenge::a_solved_challenge_joins_once_and_nothing_else_does room_door
bites any_role routes::every_route_refuses_every_wrong_identity identity
bites any_organizer routes::every_route_refuses_every_wrong_identity identity
bites show_to_anybody leaks::what_is_anothers_is_like_what_is_not identity
bites share_idempotency_keys leaks::the_same_idempotency_key_of_two_callers_gives_each_their_own_answer identity
bites ignore_signature mutants::no_changed_token_is_taken identity
bites ignore_signature mutants::every_flipped_bit_of_a_token_is_noticed identity
bites ignore_exp mutants::no_changed_token_is_taken identity

# The same of the waiting room's ledger, with few fans.
cargo build --workspace --locked --bins --tests || exit 1
built=$(realpath "${CARGO_TARGET_DIR:-target}/debug")
work=$(mktemp -d)
bites_room() { # planted bug, law that must fail (one of them, as a pattern), tries, options
  local bug=$1 law=$2 tries=$3 try code
  shift 3
  for try in $(seq "$tries"); do
    ONSALE_FAULT=$bug timeout 300 "$built/loadtest" waiting-room --fans 3000 --units 150 --sale-seconds 20 \
      --pass-seconds 10 --absent-seconds 10 --hold-seconds 10 --programs "$built" --out "$work" "$@" >"$work/log" 2>&1
    code=$?
    if [ "$code" = 1 ] && grep -qE "^L($law) +FAIL" "$work/log"; then
      echo "noticed: $bug by law $law of loadtest waiting-room (try $try)"
      return
    fi
  done
  echo "NOT NOTICED: $bug by law $law of loadtest waiting-room (exit $code)"
  tail -n 40 "$work/log"
  missed=1
}
bites_room ignore_shoppers '10|11' 1 --active-max 5
bites_room pass_for_anybody 8 1
# A kill may also take the event itself, and then there is nothing to hold laws against.
bites_room skip_flush '3|5' 5 --kills 3
rm -rf "$work"
exit $missed
