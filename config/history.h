// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "config/line_diff.h"

namespace culvert {

/// One configuration that was applied.
struct AppliedText {
  std::uint64_t generation = 0;  ///< from 1, one more each time
  std::int64_t unix_time_s = 0;  ///< when it was applied
  bool confirmed = false;        ///< false: it runs on trial (ConfirmTimer), or did when the process ended

  friend bool operator==(const AppliedText&, const AppliedText&) = default;
};

/// The texts that were applied, newest last, as files of <state_directory>/configurations:
///
///   000000000007-1763766000.yaml              generation 7, applied at that Unix time
///   000000000008-1763766060.unconfirmed.yaml  on trial: confirm() renames it, withdraw() removes it
///
/// Each file is written beside its name, synced and renamed, and the name carries what there is to know, so a crash
/// leaves the old or the new state and never half of one. A text left unconfirmed by a crash was not confirmed: start
/// with rollback(0). Keeps the last few (10 unless told); older ones are removed. One process writes: culvertd.
class ConfigHistory {
 public:
  static constexpr std::size_t kKeep = 10;

  /// Makes the folder (mode 0700: texts may come to hold secrets) and removes what a crash left half written.
  static Result<ConfigHistory> open(const std::string& state_directory, std::size_t keep = kKeep);

  /// Stores a text that was applied; returns its generation.
  Result<std::uint64_t> add(std::string_view text, std::int64_t unix_time_s, bool confirmed);
  Result<void> confirm(std::uint64_t generation);
  /// Forgets a text that was not confirmed.
  Result<void> withdraw(std::uint64_t generation);

  /// Everything kept, oldest first.
  const std::vector<AppliedText>& list() const noexcept { return list_; }
  Result<std::string> text(std::uint64_t generation) const;

  /// The confirmed text `back` before the newest confirmed one (0: that one itself). Applying it is the caller's, as a
  /// new generation. An error says how far back there is something.
  Result<AppliedText> rollback(std::size_t back) const;

  Result<ConfigDiff> diff(std::uint64_t from, std::uint64_t to) const;

 private:
  ConfigHistory(Fd folder, std::string path, std::size_t keep);

  Result<void> load();
  Result<void> write_file(const std::string& name, std::string_view text) const;
  Result<std::string> read_file(const std::string& name) const;
  Result<void> sync_folder() const;
  void remove_oldest();
  AppliedText* find(std::uint64_t generation) noexcept;

  Fd folder_;
  std::string path_;
  std::size_t keep_;
  std::uint64_t next_generation_ = 1;
  std::vector<AppliedText> list_;
};

}  // namespace culvert
