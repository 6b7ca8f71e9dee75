// SPDX-License-Identifier: Apache-2.0
// The life of configurations in a running culvertd: check, diff, apply, confirm, roll back. A text with any error
// changes nothing; one that needs a restart is refused with the keys that need it; an applied one is kept in the
// history; one applied on trial goes back by itself unless it is confirmed in time, also across a crash (an unconfirmed
// text is not what the next start finds newest).
//
// The way back never depends on the disk: what ran before a trial is kept here, checked, until the trial has ended, and
// the trial has ended only when something else runs or it was confirmed. A way back that fails is tried every second.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>

#include "base/time.h"
#include "config/changes.h"
#include "config/config.h"
#include "config/confirm_timer.h"
#include "config/history.h"
#include "status/events.h"

namespace culvert {

class Configurations {
 public:
  /// Called with a configuration that is to run from now on. An error leaves the old one running.
  using Use = std::function<Result<void>(const Config&)>;

  /// Hears of what nobody asked for: trials that went back, or could not, and a history that cannot be written.
  using Tell = std::function<void(EventKind kind, const std::string& text)>;

  /// `checked` is to run. Nothing is read or written: whoever fails to start leaves the history as it was.
  Configurations(CheckResult checked, Use use, Tell tell);

  /// Once, when it runs: it is in the history from now on, as the newest confirmed text if it is that one, else as a
  /// new generation. When the state directory cannot be written, that is told now, tried again by every later apply,
  /// and is an error there if it fails again.
  void keep(std::int64_t unix_time_s);

  const Config& running() const noexcept { return *running_.config; }
  const std::string& running_text() const noexcept { return running_.text; }
  /// Of what runs; 0 while the history could not keep it.
  std::uint64_t generation() const noexcept { return generation_; }
  /// The file that culvertd was started with.
  const std::string& file() const noexcept { return file_; }

  Result<boost::json::object> check(const std::string& text, const std::string& file) const;
  Result<boost::json::object> diff(const std::string& text, const std::string& file) const;
  /// `confirm_within_ns` 0: for good.
  Result<boost::json::object> apply(const std::string& text, const std::string& file, std::uint64_t confirm_within_ns,
                                    Now now, std::int64_t unix_time_s);
  Result<boost::json::object> confirm(Now now);
  /// Back to a generation of the history; 0: to what ran before a trial, or to the confirmed one before this. A trial
  /// ends when there is something to go back to, and goes on after an error.
  Result<boost::json::object> roll_back(std::uint64_t generation, std::int64_t unix_time_s);
  /// Goes back when a trial's time is up, and tells so. To be called several times a second.
  void expire(Now now);
  /// `which`: "running", or "candidate", the text that runs on trial until it is confirmed (an error when none does).
  /// Answers with text, generation, and of a trial confirm_within_ms and previous_generation, else null.
  Result<boost::json::object> show(const std::string& which, Now now) const;

 private:
  /// What ran before a trial.
  struct Before {
    CheckResult checked;
    std::uint64_t generation = 0;
  };

  /// The text, if it is right and needs no restart.
  Result<CheckResult> runnable(const std::string& text, const std::string& file) const;
  Result<void> use(CheckResult checked);
  Result<void> keep_running_text(std::int64_t unix_time_s);
  /// Ends the trial by running what ran before it; an error leaves the trial as it was.
  Result<void> go_back();
  boost::json::object report(const std::vector<ConfigChange>& changes) const;
  boost::json::object runs(const std::vector<ConfigChange>& changes) const;

  std::string file_;
  CheckResult running_;
  Use use_;
  Tell tell_;
  Result<ConfigHistory> history_;
  ConfirmTimer trial_;
  std::optional<Before> before_;  ///< there while trial_ waits
  Now go_back_at_ = 0;            ///< not before, when it failed
  std::string told_failure_;      ///< of going back: said once, not every second
  std::uint64_t generation_ = 0;
};

}  // namespace culvert
