// SPDX-License-Identifier: Apache-2.0
// The life of configurations in a running culvertd: check, diff, apply, confirm, roll back. A text with any error
// changes nothing; one that needs a restart is refused with the keys that need it; an applied one is kept in the
// history; one applied on trial goes back by itself unless it is confirmed in time, also across a crash (an unconfirmed
// text is not what the next start finds newest).
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

#include "base/time.h"
#include "config/changes.h"
#include "config/config.h"
#include "config/confirm_timer.h"
#include "config/history.h"

namespace culvert {

class Configurations {
 public:
  /// Called with a configuration that is to run from now on. An error leaves the old one running.
  using Use = std::function<Result<void>(const Config&)>;

  /// `checked` runs already. Keeps its history in the state directory; one that cannot be written is an error in every
  /// later apply, not now.
  Configurations(CheckResult checked, Use use, std::int64_t unix_time_s);

  const Config& running() const noexcept { return *running_.config; }
  const std::string& running_text() const noexcept { return running_.text; }
  std::uint64_t generation() const noexcept { return generation_; }
  /// The file that culvertd was started with.
  const std::string& file() const noexcept { return file_; }

  Result<boost::json::object> check(const std::string& text, const std::string& file) const;
  Result<boost::json::object> diff(const std::string& text, const std::string& file) const;
  /// `confirm_within_ns` 0: for good.
  Result<boost::json::object> apply(const std::string& text, const std::string& file, std::uint64_t confirm_within_ns,
                                    Now now, std::int64_t unix_time_s);
  Result<boost::json::object> confirm(Now now);
  /// Back to a generation of the history; 0: to what ran before a trial, or to the confirmed one before this.
  Result<boost::json::object> roll_back(std::uint64_t generation, std::int64_t unix_time_s);
  /// Goes back when a trial's time is up; a sentence for the event log if it did.
  std::string expire(Now now);
  /// `which`: "running", or "candidate", the text that runs on trial until it is confirmed (an error when none does).
  /// Answers with text, generation, and of a trial confirm_within_ms and previous_generation, else null.
  Result<boost::json::object> show(const std::string& which, Now now) const;

 private:
  Result<void> use(CheckResult checked);
  Result<void> go_back_to(std::uint64_t generation);
  boost::json::object report(const std::vector<ConfigChange>& changes) const;
  boost::json::object runs(const std::vector<ConfigChange>& changes) const;

  std::string file_;
  CheckResult running_;
  Use use_;
  Result<ConfigHistory> history_;
  ConfirmTimer trial_;
  std::uint64_t generation_ = 1;
};

}  // namespace culvert
