// SPDX-License-Identifier: Apache-2.0
#include "test/sessions/tcp_trace.h"

#include <sstream>
#include <stdexcept>

#include "test/sessions/tcp_text.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

constexpr std::uint16_t kUsualWindow = 500;

/// From the beginning; across the wrap within the first bytes, and within the first windows; across the middle, where
/// signs change.
constexpr TraceBases kBases[] = {
    {0, 0}, {0xfffffc17, 0xffffec77}, {0xfffff000, 0xffff8000}, {0x7ffffc00, 0x7fffe000}, {0x7fff0000, 0xffff0000}};

std::uint8_t flags_of(const std::string& word) {
  const std::string_view letters = "FSRPAU";
  std::uint8_t flags = 0;
  for (const char letter : word) {
    if (letter == '-') continue;
    const std::size_t bit = letters.find(letter);
    if (bit == std::string_view::npos) throw std::invalid_argument("no TCP flag: " + word);
    flags = static_cast<std::uint8_t>(flags | 1U << bit);
  }
  return flags;
}

struct Line {
  bool from_client = true;
  TcpSegment segment;
  std::string outcome;
  std::string state;
};

/// What stands between the sequence number and the colon.
void read_fields(std::istringstream& words, TcpSegment& segment, std::uint32_t other_base) {
  std::string key;
  while (words >> key && key != ":") {
    if (key == "sackok") {
      segment.sack_permitted = true;
      continue;
    }
    std::uint32_t value = 0;
    if (!(words >> value)) throw std::invalid_argument("no number behind " + key);
    if (key == "ack") {
      segment.acknowledgment = other_base + value;
    } else if (key == "sack") {
      segment.has_sack = true;
      segment.sack_edge = other_base + value;
    } else if (key == "len") {
      segment.payload = static_cast<std::uint16_t>(value);
    } else if (key == "win") {
      segment.window = static_cast<std::uint16_t>(value);
    } else if (key == "scale") {
      segment.window_scale = static_cast<std::int8_t>(value);
    } else {
      throw std::invalid_argument("unknown word: " + key);
    }
  }
}

Line read_line(const std::string& text, const TraceBases& bases) {
  Line line;
  std::istringstream words(text);
  std::string side;
  std::string flags;
  std::uint32_t sequence = 0;
  if (!(words >> side >> flags >> sequence)) throw std::invalid_argument("no segment: " + text);
  line.from_client = side == "c";
  line.segment.flags = flags_of(flags);
  line.segment.sequence = sequence + (line.from_client ? bases.client : bases.server);
  line.segment.window = kUsualWindow;
  read_fields(words, line.segment, line.from_client ? bases.server : bases.client);
  words >> line.outcome;
  std::string reason;
  if (line.outcome == "drop" && words >> reason) line.outcome += " " + reason;
  words >> line.state;
  return line;
}

bool same(const TcpSide& a, const TcpSide& b) {
  const auto facts = [](const TcpSide& side) { return side.bits & ~unsigned{kTcpSideAgain}; };
  return a.end == b.end && a.acked == b.acked && a.window == b.window && facts(a) == facts(b);
}

class Player {
 public:
  Player(const TraceBases& bases, TcpPickUp pick_up) : bases_(bases), pick_up_(pick_up) {}

  void play(const std::string& text) {
    if (text.find("learn") != std::string::npos) return tcp_learn(client_, server_);
    const Line line = read_line(text, bases_);
    TcpSide& from = line.from_client ? client_ : server_;
    TcpSide& to = line.from_client ? server_ : client_;
    const TcpSide from_before = from;
    const TcpSide to_before = to;
    TcpOutcome outcome;
    if (first_) {
      outcome = tcp_open(from, to, line.segment, pick_up_);
    } else {
      outcome = tcp_track(from, to, line.segment, again_);
    }
    CHECK(to_text(outcome) == line.outcome);
    if (!first_ && outcome.action != TcpAction::kPass) CHECK((same(from, from_before) && same(to, to_before)));
    if (outcome.action == TcpAction::kRenew) {
      CHECK(tcp_open(from, to, line.segment, pick_up_).action == TcpAction::kPass);
    }
    first_ = false;
    if (!line.state.empty()) CHECK(std::string(tcp_state_name(tcp_state_of(client_, server_))) == line.state);
    CHECK(tcp_state_of(client_, server_) == tcp_state_of(server_, client_));
  }

 private:
  TraceBases bases_;
  TcpPickUp pick_up_;
  TcpSide client_;
  TcpSide server_;
  std::uint32_t again_ = 0xdeadbeef;
  bool first_ = true;
};

}  // namespace

void play(std::string_view text, TcpPickUp pick_up) {
  for (const TraceBases& bases : kBases) {
    Player player(bases, pick_up);
    std::istringstream lines{std::string(text)};
    std::string line;
    int number = 0;
    while (std::getline(lines, line)) {
      ++number;
      if (line.find_first_not_of(' ') == std::string::npos) continue;
      INFO("line " << number << " from " << bases.client << " and " << bases.server << ": " << line);
      player.play(line);
    }
  }
}

}  // namespace culvert::test
