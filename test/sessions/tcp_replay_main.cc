// SPDX-License-Identifier: Apache-2.0
// tcp_replay FILE [mid-stream]: what tracking says of a capture, taken anywhere between two ends. Genuine traffic has
// no drops: the exit status is 1 when there is one.
#include <cstdio>
#include <stdexcept>
#include <string_view>

#include "test/sessions/tcp_replay.h"

int main(int argc, char* argv[]) {
  using namespace culvert;
  if (argc < 2 || argc > 3 || (argc == 3 && std::string_view(argv[2]) != "mid-stream")) {
    std::fprintf(stderr, "usage: tcp_replay FILE [mid-stream]\n");
    return 2;
  }
  try {
    const test::TcpReplay replay = test::replay_pcap(argv[1], argc == 3 ? TcpPickUp::kMidStream : TcpPickUp::kOnlySyn);
    const test::ReplayCounts& counts = replay.counts();
    const auto print = [](const char* what, std::uint64_t number) {
      std::printf("%-12s %llu\n", what, static_cast<unsigned long long>(number));
    };
    print("packets", counts.packets);
    print("others", counts.others);
    print("sessions", counts.sessions);
    print("passed", counts.passed);
    print("unbelieved", counts.unbelieved);
    print("renewed", counts.renewed);
    print("dropped", counts.dropped);
    for (const std::string& drop : replay.drops()) std::printf("%s\n", drop.c_str());
    return counts.dropped == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tcp_replay: %s\n", error.what());
    return 2;
  }
}
