// SPDX-License-Identifier: Apache-2.0
#include "config/worker_rule.h"

#include <sched.h>

namespace culvert {

ValueRule<WorkerChoice> worker_rule(std::size_t most) {
  const ValueRule<std::optional<std::uint32_t>> count =
      automatic_or(count_rule<std::uint32_t>(1, static_cast<std::uint32_t>(most)));
  const ValueRule<std::vector<std::uint32_t>> cpus =
      list_of("CPUs", count_rule<std::uint32_t>(0, CPU_SETSIZE - 1), 1, most);
  const auto read = [=](const YamlNode& node, const Place& place, WorkerChoice& target) {
    WorkerChoice choice;
    if (node.is_sequence()) {
      choice.kind = WorkerChoice::Kind::kCpus;
      cpus.read(node, place, choice.cpus);
    } else {
      std::optional<std::uint32_t> number;
      count.read(node, place, number);
      choice.kind = number ? WorkerChoice::Kind::kCount : WorkerChoice::Kind::kAutomatic;
      choice.count = number.value_or(0);
    }
    target = std::move(choice);
  };
  const auto print = [=](const WorkerChoice& choice) -> std::string {
    switch (choice.kind) {
      case WorkerChoice::Kind::kCount:
        return count_text(choice.count);
      case WorkerChoice::Kind::kCpus:
        return cpus.print(choice.cpus);
      case WorkerChoice::Kind::kAutomatic:
        break;
    }
    return "auto";
  };
  return {fmt::format("{}, or {}", count.accepts, cpus.accepts), read, print};
}

}  // namespace culvert
