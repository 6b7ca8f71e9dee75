// SPDX-License-Identifier: Apache-2.0
#include "control/configurations.h"

#include <boost/json/array.hpp>
#include <fmt/format.h>
#include <utility>

#include "config/diagnostics.h"
#include "config/line_diff.h"

namespace culvert {
namespace {

/// A file's name as a client of the control socket gave it: it goes to terminals and into events.
std::string file_shown(const std::string& file) {
  return shown(file, 256);
}

Error refused(const CheckResult& checked) {
  return Error{"the configuration is refused:\n" + checked.to_text(), 0, "nothing was changed"};
}

boost::json::array texts_of(const std::vector<ConfigChange>& changes) {
  boost::json::array texts;
  for (const ConfigChange& change : changes) texts.emplace_back(to_text(change));
  return texts;
}

}  // namespace

Configurations::Configurations(CheckResult checked, Use use, Tell tell)
    : file_(checked.file),
      running_(std::move(checked)),
      use_(std::move(use)),
      tell_(std::move(tell)),
      history_(Error{"the history is not open yet", 0, ""}) {}

void Configurations::keep(std::int64_t unix_time_s) {
  if (auto kept = keep_running_text(unix_time_s); kept.has_error()) {
    tell_(EventKind::kHistoryFailed, "what runs is not in the history: " + kept.error().to_string());
  }
}

Result<void> Configurations::keep_running_text(std::int64_t unix_time_s) {
  if (generation_ != 0) return {};
  if (history_.has_error()) history_ = ConfigHistory::open(running_.config->system.state_directory);
  if (history_.has_error()) return history_.error();
  // A restart is no new configuration: else it would be the one that a rollback goes back to, and ten restarts would
  // push out every other one.
  if (const auto newest = history_->rollback(0); newest.has_value()) {
    const auto text = history_->text(newest->generation);
    if (text.has_value() && *text == running_.text) {
      generation_ = newest->generation;
      return {};
    }
  }
  auto added = history_->add(running_.text, unix_time_s, true);
  if (added.has_error()) return added.error();
  generation_ = *added;
  return {};
}

Result<boost::json::object> Configurations::check(const std::string& text, const std::string& file) const {
  const CheckResult checked = check_text(text, file_shown(file));
  if (!checked.ok()) return refused(checked);
  boost::json::object answer;
  answer["ok"] = true;
  answer["warnings"] = checked.to_text();
  answer["text"] = checked.to_text() + checked.file + ": OK\n";
  return answer;
}

boost::json::object Configurations::report(const std::vector<ConfigChange>& changes) const {
  boost::json::object answer;
  answer["generation"] = generation_;
  answer["changes"] = texts_of(changes);
  boost::json::array restart;
  for (const std::string& reason : restart_reasons(changes)) restart.emplace_back(reason);
  answer["needs_restart"] = std::move(restart);
  return answer;
}

/// The same for people who have just changed it.
boost::json::object Configurations::runs(const std::vector<ConfigChange>& changes) const {
  boost::json::object answer = report(changes);
  std::string text = fmt::format("Generation {} runs.\n", generation_);
  for (const ConfigChange& change : changes) text += "  " + to_text(change) + "\n";
  answer["text"] = text;
  return answer;
}

Result<boost::json::object> Configurations::diff(const std::string& text, const std::string& file) const {
  const CheckResult checked = check_text(text, file_shown(file));
  if (!checked.ok()) return refused(checked);
  const std::vector<ConfigChange> changes = changes_between(running(), *checked.config);
  boost::json::object answer = report(changes);
  std::string lines = unified_diff(running_.text, checked.text, "running", checked.file);
  answer["diff"] = lines;
  for (const std::string& reason : restart_reasons(changes)) lines += reason + "\n";
  answer["text"] = lines.empty() ? "No difference.\n" : std::move(lines);
  return answer;
}

Result<CheckResult> Configurations::runnable(const std::string& text, const std::string& file) const {
  CheckResult checked = check_text(text, file_shown(file));
  if (!checked.ok()) return refused(checked);
  if (const auto reasons = restart_reasons(changes_between(running(), *checked.config)); !reasons.empty()) {
    return Error{fmt::format("{}", fmt::join(reasons, "\n")), 0,
                 "nothing was changed; write the file that culvertd was started with, and restart it"};
  }
  return checked;
}

Result<void> Configurations::use(CheckResult checked) {
  if (auto used = use_(*checked.config); used.has_error()) {
    (void)use_(running());  // whatever half of the new one is in use by now
    return used;
  }
  running_ = std::move(checked);
  return {};
}

Result<boost::json::object> Configurations::apply(const std::string& text, const std::string& file,
                                                  std::uint64_t confirm_within_ns, Now now, std::int64_t unix_time_s) {
  if (trial_.waiting()) {
    return Error{fmt::format("generation {} runs on trial", generation_), 0,
                 "type culvert config confirm, or culvert config rollback"};
  }
  Result<CheckResult> checked = runnable(text, file);
  if (checked.has_error()) return checked.error();
  const std::vector<ConfigChange> changes = changes_between(running(), *checked->config);
  if (auto kept = keep_running_text(unix_time_s); kept.has_error()) return kept.error();
  const std::uint64_t previous = generation_;
  // Not confirmed before it has been used: what could not be used must not be what a rollback finds.
  auto added = history_->add(checked->text, unix_time_s, false);
  if (added.has_error()) return added.error();
  Before before{running_, previous};
  if (auto used = use(*std::move(checked)); used.has_error()) {
    (void)history_->withdraw(*added);
    return used.error();
  }
  generation_ = *added;
  if (confirm_within_ns == 0) {
    // It runs all the same; roll_back() does not take it for one that is kept.
    if (auto kept = history_->confirm(generation_); kept.has_error()) {
      tell_(EventKind::kHistoryFailed, kept.error().to_string());
    }
  }
  if (confirm_within_ns > 0) {
    trial_.start(generation_, previous, now, confirm_within_ns).value();
    before_ = std::move(before);
    go_back_at_ = 0;
    told_failure_.clear();
  }
  boost::json::object answer = runs(changes);
  answer["confirm_within_s"] = confirm_within_ns / kNanosecondsPerSecond;
  if (confirm_within_ns > 0) {
    answer["text"].as_string() +=
        fmt::format("On trial: back to generation {} in {} s unless you type: culvert config confirm\n", previous,
                    confirm_within_ns / kNanosecondsPerSecond);
  }
  return answer;
}

Result<boost::json::object> Configurations::confirm(Now now) {
  ConfirmTimer confirmed = trial_;
  if (auto in_time = confirmed.confirm(generation_, now); in_time.has_error()) return in_time.error();
  // First on the disk: while that fails the trial goes on, and whoever confirms can try again or let it go back.
  if (auto kept = history_->confirm(generation_); kept.has_error()) {
    tell_(EventKind::kHistoryFailed, kept.error().to_string());
    return Error{kept.error().what, kept.error().code, "it is still on trial; make room on the disk and confirm again"};
  }
  trial_ = confirmed;
  before_.reset();
  boost::json::object answer;
  answer["generation"] = generation_;
  answer["text"] = fmt::format("Generation {} is kept.\n", generation_);
  return answer;
}

Result<void> Configurations::go_back() {
  if (auto used = use(before_->checked); used.has_error()) return used;
  const std::uint64_t left = std::exchange(generation_, before_->generation);
  trial_.cancel();
  before_.reset();
  // It has gone back all the same. At worst a text that nobody confirmed stays in the history.
  if (auto withdrawn = history_->withdraw(left); withdrawn.has_error()) {
    tell_(EventKind::kHistoryFailed, withdrawn.error().to_string());
  }
  return {};
}

Result<boost::json::object> Configurations::roll_back(std::uint64_t generation, std::int64_t unix_time_s) {
  if (before_.has_value() && (generation == 0 || generation == before_->generation)) {
    if (auto gone = go_back(); gone.has_error()) return gone.error();
    return runs({});
  }
  if (before_.has_value() && generation == generation_) {
    return Error{fmt::format("generation {} runs on trial", generation_), 0, "to keep it, type culvert config confirm"};
  }
  if (auto kept = keep_running_text(unix_time_s); kept.has_error()) return kept.error();
  if (generation == 0) {
    auto before = history_->rollback(0);
    if (before.has_value() && before->generation == generation_) before = history_->rollback(1);
    if (before.has_error()) return before.error();
    generation = before->generation;
  }
  auto text = history_->text(generation);
  if (text.has_error()) return text.error();
  const std::string name = fmt::format("generation {}", generation);
  if (before_.has_value()) {
    // First, because a text that cannot run must not end the trial.
    if (auto fits = runnable(*text, name); fits.has_error()) return fits.error();
    if (auto gone = go_back(); gone.has_error()) return gone.error();
  }
  return apply(*text, name, 0, 0, unix_time_s);
}

void Configurations::expire(Now now) {
  if (!trial_.waiting() || trial_.remaining_ns(now) > 0 || now < go_back_at_) return;
  const std::uint64_t tried = generation_;
  const std::uint64_t previous = before_->generation;
  auto gone = go_back();
  if (gone.has_value()) {
    tell_(EventKind::kConfigurationRolledBack,
          fmt::format("generation {} was not confirmed in time: back to {}", tried, previous));
    return;
  }
  go_back_at_ = now + kNanosecondsPerSecond;
  std::string failure = fmt::format("generation {} was not confirmed, and going back to {} failed: {}", tried, previous,
                                    gone.error().to_string());
  if (failure == told_failure_) return;
  told_failure_ = std::move(failure);
  tell_(EventKind::kError, told_failure_);
}

Result<boost::json::object> Configurations::show(const std::string& which, Now now) const {
  if (which != "running" && which != "candidate") {
    return Error{"no configuration is called " + which.substr(0, 64), 0, "running or candidate"};
  }
  if (which == "candidate" && !trial_.waiting()) {
    return Error{"no configuration runs on trial", 0,
                 "culvert config apply FILE --confirm 60 begins a trial; culvert show configuration is what runs"};
  }
  boost::json::object answer;
  answer["text"] = running_.text;
  answer["generation"] = generation_;
  answer["confirm_within_ms"] = nullptr;
  answer["previous_generation"] = nullptr;
  if (const auto previous = trial_.previous()) {
    answer["confirm_within_ms"] = trial_.remaining_ns(now) / kNanosecondsPerMillisecond;
    answer["previous_generation"] = *previous;
  }
  return answer;
}

}  // namespace culvert
