//! What people see: progress while it runs, a table afterwards.

use std::time::Duration;

use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};

use crate::rush::Rushed;

/// A bar on standard error; nothing when that is not a terminal.
pub fn progress(what: &'static str, length: u64) -> ProgressBar {
    let template = "{msg:8} [{bar:40}] {human_pos}/{human_len} {per_sec} {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is valid");
    ProgressBar::new(length).with_style(style.progress_chars("=> ")).with_message(what)
}

pub fn print(rushed: &Rushed) {
    let Rushed { took, generator_cpu, tally, .. } = rushed;
    let (buyers, seconds) = (tally.buyers(), took.as_secs_f64());
    println!("buyers        {buyers} in {seconds:.2} s, {:.0}/s", per(buyers, *took));
    let (sold, bought) = if rushed.goes_on { ("reserved", "reserved") } else { ("sold", "bought") };
    println!("{sold:13} {}", tally.sold);
    println!("refused       {}{}", tally.refused_total(), listed(&tally.refused));
    println!("errors        {}{}", tally.errors_total(), listed(&tally.errors));
    let broken = tally.trouble.broken;
    println!("retries       {} ({broken} after a broken connection)", tally.trouble.retries);
    println!("              {:>10} {:>10} {:>10} {:>10}", "p50", "p99", "p99.9", "max");
    print_latency(bought, &tally.sold_latency);
    print_latency("refused", &tally.refused_latency);
    if rushed.goes_on {
        let journey = &tally.journey;
        print_latency("booked (202)", &journey.accepted_latency);
        print_latency("outcome", &journey.outcome_latency);
        print_latency("tickets", &journey.tickets_latency);
        print_latency("cancelled", &journey.cancelled_latency);
        journey.print();
    }
    let requests = buyers + tally.trouble.retries;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let per_request = generator_cpu.as_secs_f64() * 1e6 / requests.max(1) as f64;
    println!("generator CPU {per_request:.1} us per request");
}

fn print_latency(of: &str, latency: &Histogram<u64>) {
    if latency.is_empty() {
        return;
    }
    let at = |quantile| millis(latency.value_at_quantile(quantile));
    let max = millis(latency.max());
    println!("{of:13} {:>10} {:>10} {:>10} {max:>10}", at(0.5), at(0.99), at(0.999));
}

fn millis(micros: u64) -> String {
    format!("{:.2} ms", Duration::from_micros(micros).as_secs_f64() * 1e3)
}

fn per(count: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let count = count as f64;
    count / took.as_secs_f64()
}

pub fn listed(counts: &std::collections::BTreeMap<String, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) }
}
