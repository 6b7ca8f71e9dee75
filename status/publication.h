// SPDX-License-Identifier: Apache-2.0
// The status for another process: shared memory that the core writes and the agent only reads. Two slots take turns, so
// a reader has a whole text while the next one is written; each slot has a sequence that is odd while it is written.
// The reader copies and then looks whether the sequence is still the same; the writer never waits for anybody.
//
//   header: magic, slot size, latest = n      slot n & 1: the text n      slot (n + 1) & 1: the one before, or n + 1
//
// The memory is sealed against further writable mappings, so a process that got the descriptor cannot change it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/cell.h"
#include "base/fd.h"
#include "base/mapping.h"
#include "base/result.h"

namespace culvert {

/// The core's side; one writer.
class PublicationWriter {
 public:
  /// Texts of up to `max_bytes`. Throws SetupError.
  explicit PublicationWriter(std::size_t max_bytes);

  /// False, and nothing changes but the count of failures, when the text is longer than max_bytes.
  bool publish(std::string_view text) noexcept;

  /// For the agent; read-only for everybody but us.
  const Fd& fd() const noexcept { return memory_.fd(); }
  /// ResourceKind::kPublishedStatus: bytes.
  const Gauge& gauge() const noexcept { return gauge_; }
  void clear_peak() noexcept { gauge_.clear_peak(); }

 private:
  Mapping memory_;
  std::span<std::uint64_t> words_;
  std::size_t max_bytes_;
  std::uint64_t latest_ = 0;
  Gauge gauge_;
};

struct Publication {
  std::string text;
  std::uint64_t number = 0;  ///< counts texts, from 1
};

/// The agent's side; any number of readers.
class PublicationReader {
 public:
  /// Throws SetupError when the memory is not a publication.
  explicit PublicationReader(const Fd& fd);

  /// The latest text, whole; nothing when there is none yet, or it was overwritten again and again while it was copied.
  std::optional<Publication> read() const;

 private:
  bool try_read(Publication& publication) const;

  Mapping memory_;
  std::span<std::uint64_t> words_;
  std::size_t slot_words_ = 0;
};

}  // namespace culvert
