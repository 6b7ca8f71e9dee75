// SPDX-License-Identifier: Apache-2.0
#include "status/publication.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fcntl.h>

#include "base/bytes.h"

namespace culvert {
namespace {

constexpr std::uint64_t kMagic = 0x315453544c564c43;  // "CLVLTST1"

// Words of the header.
constexpr std::size_t kMagicWord = 0;
constexpr std::size_t kSlotWordsWord = 1;
constexpr std::size_t kLatestWord = 2;
constexpr std::size_t kHeaderWords = 8;
// Words of a slot.
constexpr std::size_t kSequenceWord = 0;
constexpr std::size_t kNumberWord = 1;
constexpr std::size_t kLengthWord = 2;
constexpr std::size_t kTextWord = 3;

constexpr int kTries = 100;

// Both sides use atomics of single words: a torn copy is detected by the sequence, not undefined.
void store(std::uint64_t& word, std::uint64_t value, std::memory_order order = std::memory_order_relaxed) noexcept {
  std::atomic_ref<std::uint64_t>(word).store(value, order);
}
std::uint64_t read_word(std::uint64_t& word, std::memory_order order = std::memory_order_relaxed) noexcept {
  return std::atomic_ref<std::uint64_t>(word).load(order);
}

std::size_t words_for(std::size_t bytes) noexcept {
  return (bytes + 7) / 8;
}

}  // namespace

PublicationWriter::PublicationWriter(std::size_t max_bytes)
    : memory_(Mapping::shared((kHeaderWords + 2 * (kTextWord + words_for(max_bytes))) * 8, "culvert-status")),
      words_(array_over<std::uint64_t>(memory_.bytes())),
      max_bytes_(max_bytes) {
  // fcntl(2): our own mapping stays writable, no other one can be made so.
  if (::fcntl(memory_.fd().get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) != 0) {
    throw SetupError(errno_error("sealing the published status", "Linux 5.1 or later is needed"));
  }
  gauge_.max.set(max_bytes);
  store(words_[kSlotWordsWord], kTextWord + words_for(max_bytes));
  store(words_[kMagicWord], kMagic, std::memory_order_release);
}

bool PublicationWriter::publish(std::string_view text) noexcept {
  if (text.size() > max_bytes_) {
    gauge_.failures.add();
    return false;
  }
  const std::uint64_t number = latest_ + 1;
  const std::size_t slot_words = kTextWord + words_for(max_bytes_);
  const auto slot = words_.subspan(kHeaderWords + (number & 1) * slot_words, slot_words);
  const std::uint64_t sequence = read_word(slot[kSequenceWord]);
  store(slot[kSequenceWord], sequence + 1);
  std::atomic_thread_fence(std::memory_order_release);
  store(slot[kNumberWord], number);
  store(slot[kLengthWord], text.size());
  for (std::size_t at = 0; at < text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, std::min<std::size_t>(8, text.size() - at));
    store(slot[kTextWord + at / 8], word);
  }
  store(slot[kSequenceWord], sequence + 2, std::memory_order_release);
  store(words_[kLatestWord], number, std::memory_order_release);
  latest_ = number;
  gauge_.observe(text.size());
  return true;
}

PublicationReader::PublicationReader(const Fd& fd)
    : memory_(Mapping::read_only(fd)), words_(array_over<std::uint64_t>(memory_.bytes())) {
  const bool is_ours =
      words_.size() > kHeaderWords && read_word(words_[kMagicWord], std::memory_order_acquire) == kMagic;
  slot_words_ = is_ours ? read_word(words_[kSlotWordsWord]) : 0;
  if (slot_words_ <= kTextWord || slot_words_ > (words_.size() - kHeaderWords) / 2) {
    throw SetupError(Error{"the shared memory is no published status", 0, "are core and agent of one version?"});
  }
}

bool PublicationReader::try_read(Publication& publication) const {
  const std::uint64_t latest = read_word(words_[kLatestWord], std::memory_order_acquire);
  const auto slot = words_.subspan(kHeaderWords + (latest & 1) * slot_words_, slot_words_);
  const std::uint64_t sequence = read_word(slot[kSequenceWord], std::memory_order_acquire);
  const std::uint64_t length = read_word(slot[kLengthWord]);
  if ((sequence & 1) != 0 || length > (slot_words_ - kTextWord) * 8) return false;
  publication.number = read_word(slot[kNumberWord]);
  publication.text.resize(length);
  for (std::size_t at = 0; at < length; at += 8) {
    const std::uint64_t word = read_word(slot[kTextWord + at / 8]);
    std::memcpy(publication.text.data() + at, &word, std::min<std::size_t>(8, length - at));
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  return read_word(slot[kSequenceWord]) == sequence;
}

std::optional<Publication> PublicationReader::read() const {
  Publication publication;
  for (int i = 0; i < kTries; ++i) {
    if (read_word(words_[kLatestWord], std::memory_order_acquire) == 0) return std::nullopt;
    if (try_read(publication)) return publication;
  }
  return std::nullopt;
}

}  // namespace culvert
