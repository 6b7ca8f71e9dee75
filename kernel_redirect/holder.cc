// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/holder.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <linux/if_link.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel_redirect/bpf_log.h"

namespace culvert {
namespace {

namespace fs = std::filesystem;

std::optional<int> as_number(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// fdinfo of a link or program has a line "prog_id:<tab>12".
bool file_has_line(const fs::path& path, const std::string& wanted) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line == wanted) return true;
  }
  return false;
}

bool holds(const fs::path& process, const std::string& line, int except_fd) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(process / "fdinfo", error)) {
    if (except_fd >= 0 && as_number(entry.path().filename()) == except_fd) continue;
    if (file_has_line(entry.path(), line)) return true;
  }
  return false;
}

}  // namespace

std::optional<HolderProcess> process_holding(std::string_view field, std::uint32_t id, int except_fd) {
  const std::string line = std::string(field) + ":\t" + std::to_string(id);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = as_number(entry.path().filename());
    if (!pid || !holds(entry.path(), line, *pid == ::getpid() ? except_fd : -1)) continue;
    HolderProcess process{*pid, {}};
    std::ifstream comm(entry.path() / "comm");
    std::getline(comm, process.name);
    return process;
  }
  return std::nullopt;
}

std::optional<XdpHolder> xdp_holder(int ifindex) {
  const BpfLog log;
  bpf_xdp_query_opts query{};
  query.sz = sizeof(query);
  if (bpf_xdp_query(ifindex, 0, &query) != 0 || query.attach_mode == XDP_ATTACHED_NONE) return std::nullopt;
  XdpHolder holder;
  holder.generic = query.attach_mode == XDP_ATTACHED_SKB;
  holder.program_id = query.prog_id;
  if (holder.program_id == 0) holder.program_id = query.drv_prog_id != 0 ? query.drv_prog_id : query.skb_prog_id;
  if (const Fd program(bpf_prog_get_fd_by_id(holder.program_id)); program) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0) holder.program_name = info.name;
  }
  holder.process = process_holding("prog_id", holder.program_id);
  return holder;
}

std::string XdpHolder::to_string() const {
  std::string text = "program " + (program_name.empty() ? std::string("without a name") : program_name) + " (id " +
                     std::to_string(program_id) + (generic ? ", generic)" : ")");
  if (process) text += ", held by " + process->name + " (pid " + std::to_string(process->pid) + ")";
  return text;
}

}  // namespace culvert
