// SPDX-License-Identifier: Apache-2.0
#include "config/history.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "config/yaml.h"

namespace culvert {
namespace {

constexpr std::string_view kTemporary = ".new";
constexpr std::string_view kUnconfirmed = ".unconfirmed.yaml";
constexpr std::string_view kConfirmed = ".yaml";

std::string name_of(const AppliedText& applied) {
  return fmt::format("{:012}-{}{}", applied.generation, applied.unix_time_s,
                     applied.confirmed ? kConfirmed : kUnconfirmed);
}

/// The inverse of name_of; false for files that are not ours.
bool parse_name(std::string_view name, AppliedText& applied) {
  applied.confirmed = !name.ends_with(kUnconfirmed);
  const std::string_view suffix = applied.confirmed ? kConfirmed : kUnconfirmed;
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  const char* end = name.data() + name.size();
  const auto generation = std::from_chars(name.data(), end, applied.generation);
  if (generation.ec != std::errc() || generation.ptr == end || *generation.ptr != '-') return false;
  const auto time = std::from_chars(generation.ptr + 1, end, applied.unix_time_s);
  return time.ec == std::errc() && time.ptr == end && applied.generation != 0;
}

Result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return errno_error(path + " cannot be made", "make it, or change system.state_directory");
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

ConfigHistory::ConfigHistory(Fd folder, std::string path, std::size_t keep)
    : folder_(std::move(folder)), path_(std::move(path)), keep_(std::max<std::size_t>(keep, 2)) {}

Result<ConfigHistory> ConfigHistory::open(const std::string& state_directory, std::size_t keep) {
  const std::string path = state_directory + "/configurations";
  if (auto made = make_folder(state_directory); !made) return made.error();
  if (auto made = make_folder(path); !made) return made.error();
  Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return errno_error(path + " cannot be opened");
  ConfigHistory history(std::move(folder), path, keep);
  if (auto loaded = history.load(); !loaded) return loaded.error();
  return history;
}

Result<void> ConfigHistory::load() {
  const auto close_folder = [](DIR* dir) { ::closedir(dir); };
  const std::unique_ptr<DIR, decltype(close_folder)> dir(::opendir(path_.c_str()), close_folder);
  if (!dir) return errno_error(path_ + " cannot be read");
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    AppliedText applied;
    if (name.ends_with(kTemporary)) {
      ::unlinkat(folder_.get(), entry->d_name, 0);
    } else if (parse_name(name, applied)) {
      list_.push_back(applied);
    }
  }
  std::sort(list_.begin(), list_.end(),
            [](const AppliedText& a, const AppliedText& b) { return a.generation < b.generation; });
  if (!list_.empty()) next_generation_ = list_.back().generation + 1;
  return {};
}

Result<void> ConfigHistory::sync_folder() const {
  if (::fsync(folder_.get()) == 0) return {};
  return errno_error(path_ + " cannot be synced");
}

Result<void> ConfigHistory::write_file(const std::string& name, std::string_view text) const {
  const std::string temporary = name + std::string(kTemporary);
  const std::string where = path_ + "/" + name;
  const Fd file(::openat(folder_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return errno_error(where + " cannot be written");
  if (!write_all(file.get(), text) || ::fsync(file.get()) != 0 ||
      ::renameat(folder_.get(), temporary.c_str(), folder_.get(), name.c_str()) != 0) {
    Error error = errno_error(where + " cannot be written", "make room on the disk");
    ::unlinkat(folder_.get(), temporary.c_str(), 0);
    return error;
  }
  return sync_folder();
}

Result<std::string> ConfigHistory::read_file(const std::string& name) const {
  const Fd file(::openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error(path_ + "/" + name + " cannot be read");
  std::string content(kMostBytes + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t count = ::read(file.get(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error(path_ + "/" + name + " cannot be read");
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  content.resize(size);
  return text_result(std::move(content));
}

AppliedText* ConfigHistory::find(std::uint64_t generation) noexcept {
  const auto found = std::find_if(list_.begin(), list_.end(),
                                  [&](const AppliedText& applied) { return applied.generation == generation; });
  return found == list_.end() ? nullptr : &*found;
}

Result<std::uint64_t> ConfigHistory::add(std::string_view text, std::int64_t unix_time_s, bool confirmed) {
  if (text.size() > kMostBytes) return Error{fmt::format("the text is larger than {} bytes", kMostBytes), 0, ""};
  const AppliedText applied{next_generation_, unix_time_s, confirmed};
  if (auto written = write_file(name_of(applied), text); !written) return written.error();
  list_.push_back(applied);
  ++next_generation_;
  remove_oldest();
  return applied.generation;
}

void ConfigHistory::remove_oldest() {
  while (list_.size() > keep_) {
    // The newest confirmed text is what a rollback needs, however many trials came after it.
    const auto confirmed = [](const AppliedText& applied) { return applied.confirmed; };
    const auto newest = std::find_if(list_.rbegin(), list_.rend(), confirmed);
    auto victim = list_.begin();
    if (newest != list_.rend() && &*victim == &*newest) ++victim;
    // A file that cannot be removed is found again at the next start; it harms nothing.
    ::unlinkat(folder_.get(), name_of(*victim).c_str(), 0);
    list_.erase(victim);
  }
}

Result<void> ConfigHistory::confirm(std::uint64_t generation) {
  AppliedText* applied = find(generation);
  if (applied == nullptr) return Error{fmt::format("generation {} is not kept", generation), 0, ""};
  if (applied->confirmed) return {};
  AppliedText confirmed = *applied;
  confirmed.confirmed = true;
  if (::renameat(folder_.get(), name_of(*applied).c_str(), folder_.get(), name_of(confirmed).c_str()) != 0) {
    return errno_error(fmt::format("generation {} cannot be confirmed", generation));
  }
  *applied = confirmed;
  return sync_folder();
}

Result<void> ConfigHistory::withdraw(std::uint64_t generation) {
  AppliedText* applied = find(generation);
  if (applied == nullptr) return Error{fmt::format("generation {} is not kept", generation), 0, ""};
  if (applied->confirmed) return Error{fmt::format("generation {} is confirmed", generation), 0, "apply another one"};
  if (::unlinkat(folder_.get(), name_of(*applied).c_str(), 0) != 0 && errno != ENOENT) {
    return errno_error(fmt::format("generation {} cannot be withdrawn", generation));
  }
  list_.erase(list_.begin() + (applied - list_.data()));
  return sync_folder();
}

Result<std::string> ConfigHistory::text(std::uint64_t generation) const {
  for (const AppliedText& applied : list_) {
    if (applied.generation == generation) return read_file(name_of(applied));
  }
  return Error{fmt::format("generation {} is not kept", generation), 0,
               list_.empty() ? "nothing was applied yet"
                             : fmt::format("there are {} to {}", list_.front().generation, list_.back().generation)};
}

Result<AppliedText> ConfigHistory::rollback(std::size_t back) const {
  std::size_t seen = 0;
  for (auto applied = list_.rbegin(); applied != list_.rend(); ++applied) {
    if (applied->confirmed && seen++ == back) return *applied;
  }
  return Error{fmt::format("there is no configuration {} before the newest", back), 0,
               seen == 0 ? "none was confirmed yet" : fmt::format("use 0 to {}", seen - 1)};
}

Result<ConfigDiff> ConfigHistory::diff(std::uint64_t from, std::uint64_t to) const {
  const Result<std::string> old_text = text(from);
  if (!old_text) return old_text.error();
  const Result<std::string> new_text = text(to);
  if (!new_text) return new_text.error();
  return diff_configurations(old_text.value(), new_text.value(), fmt::format("generation {}", from),
                             fmt::format("generation {}", to));
}

}  // namespace culvert
