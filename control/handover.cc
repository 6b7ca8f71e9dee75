// SPDX-License-Identifier: Apache-2.0
#include "control/handover.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/check.h"

namespace culvert {
namespace {

namespace json = boost::json;

/// Grows with every change of what a message means. A successor of another protocol is refused, and started anew with a
/// gap instead.
constexpr std::uint64_t kProtocol = 1;
constexpr std::size_t kMostBytes = 64 * 1024;

[[noreturn]] void throw_misunderstood(const std::string& what) {
  throw SetupError(Error{"the other culvertd says what this version does not understand: " + what, 0,
                         "stop culvertd and start it; sessions go on, packets of that moment are lost"});
}

template <typename Number = std::uint64_t>
Number number(const json::object& body, const char* key) {
  const json::value* value = body.if_contains(key);
  boost::system::error_code error;
  const auto read = value == nullptr ? Number{} : value->to_number<Number>(error);
  if (value == nullptr || error) throw_misunderstood(std::string("no number ") + key);
  return read;
}

std::string text(const json::object& body, const char* key) {
  const json::value* value = body.if_contains(key);
  if (value == nullptr || !value->is_string()) throw_misunderstood(std::string("no text ") + key);
  return std::string(value->get_string());
}

const json::array& list(const json::object& body, const char* key) {
  const json::value* value = body.if_contains(key);
  if (value == nullptr || !value->is_array()) throw_misunderstood(std::string("no list ") + key);
  return value->get_array();
}

bool is_true(const json::value& value) {
  return value.is_bool() && value.get_bool();
}

bool flag(const json::object& body, const char* key) {
  const json::value* value = body.if_contains(key);
  return value != nullptr && is_true(*value);
}

/// A list of so many words: which of some descriptors are there.
const json::array& flags_of(const json::value& value, std::size_t count) {
  if (!value.is_array() || value.get_array().size() != count) throw_misunderstood("a list of descriptors");
  return value.get_array();
}

void expect(const json::object& body, const char* message) {
  if (text(body, "message") != message) throw_misunderstood(text(body, "message") + " instead of " + message);
}

/// A system call that a signal's handler has cut short is made again.
template <typename Call>
ssize_t undisturbed(const Call& call) {
  ssize_t done = call();
  while (done < 0 && errno == EINTR) done = call();
  return done;
}

void wait_readable(const Fd& socket, std::chrono::milliseconds patience) {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + patience;
  pollfd wait{socket.get(), POLLIN, 0};
  const ssize_t ready = undisturbed([&] {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
    return ssize_t{::poll(&wait, 1, static_cast<int>(std::max(left.count(), std::int64_t{0})))};
  });
  if (ready != 1) throw SetupError(Error{"the other culvertd is silent", ETIMEDOUT, ""});
}

/// The next descriptor of a message, or none where the sender had none.
class Descriptors {
 public:
  explicit Descriptors(HandoverSocket::Message& message) : descriptors_(message.descriptors) {}
  Fd next(bool there) {
    if (!there) return {};
    if (next_ == descriptors_.size()) throw_misunderstood("fewer descriptors than named");
    return std::move(descriptors_[next_++]);
  }

 private:
  std::vector<Fd>& descriptors_;
  std::size_t next_ = 0;
};

Mapping words_of(const LeftLane& left) {
  Mapping memory = Mapping::shared((left.receiving.size() + left.transmitting.size()) * 8, "culvert-frames");
  const auto words = array_over<std::uint64_t>(memory.bytes());
  std::copy(left.receiving.begin(), left.receiving.end(), words.begin());
  std::copy(left.transmitting.begin(), left.transmitting.end(), words.subspan(left.receiving.size()).begin());
  return memory;
}

void read_words(const Fd& descriptor, std::size_t count, LeftLane& left) {
  const Mapping memory = Mapping::read_only(descriptor);
  if (memory.size() < 2 * count * sizeof(std::uint64_t)) throw_misunderstood("too few frames");
  const auto words = array_over<std::uint64_t>(memory.bytes());
  left.receiving.assign(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(count));
  left.transmitting.assign(words.begin() + static_cast<std::ptrdiff_t>(count),
                           words.begin() + static_cast<std::ptrdiff_t>(2 * count));
}

}  // namespace

std::pair<HandoverSocket, HandoverSocket> HandoverSocket::pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw SetupError(errno_error("making a socket for a successor"));
  }
  return {HandoverSocket(Fd(ends[0])), HandoverSocket(Fd(ends[1]))};
}

void HandoverSocket::send(const json::object& body, std::span<const int> descriptors) {
  CULVERT_CHECK(descriptors.size() <= kMostDescriptors);
  std::string bytes = json::serialize(body);
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  const ssize_t sent = undisturbed([&] { return ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL); });
  if (sent != static_cast<ssize_t>(bytes.size())) {
    throw SetupError(errno_error("speaking to the other culvertd"));
  }
}

HandoverSocket::Message HandoverSocket::receive(std::chrono::milliseconds patience) {
  wait_readable(socket_, patience);
  std::string bytes(kMostBytes, '\0');
  iovec part{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t got = undisturbed([&] { return ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC); });
  if (got < 0) throw SetupError(errno_error("listening to the other culvertd"));
  Message message;
  for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; at + sizeof(int) <= one->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(one) + at, sizeof(descriptor));
      message.descriptors.emplace_back(descriptor);
    }
  }
  if (got == 0) throw SetupError(Error{"the other culvertd has ended", 0, ""});
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) throw_misunderstood("a message that is too long");
  bytes.resize(static_cast<std::size_t>(got));
  boost::system::error_code error;
  const json::value value = json::parse(bytes, error);
  if (error || !value.is_object()) throw_misunderstood("no JSON");
  message.body = value.get_object();
  return message;
}

void send_offer(HandoverSocket& socket, const Offer& offer) {
  std::vector<int> descriptors;
  const auto give = [&descriptors](const Fd& fd) {
    if (fd) descriptors.push_back(fd.get());
    return fd.valid();
  };
  json::object body{{"message", "offer"},
                    {"protocol", kProtocol},
                    {"version", offer.version},
                    {"frame_size", offer.region.frame_size},
                    {"frames", offer.region.frames},
                    {"workers", offer.region.workers},
                    {"rings", {offer.rings.fill, offer.rings.rx, offer.rings.tx, offer.rings.completion}},
                    {"pages", static_cast<std::uint32_t>(offer.pages)},
                    {"region", give(offer.region_memory)},
                    {"tun_name", offer.tun_name},
                    {"tun", give(offer.tun)},
                    {"control_socket", offer.control_socket},
                    {"metrics", offer.metrics}};
  json::array sessions, interfaces, key;
  for (const Offer::Sessions& worker : offer.sessions) {
    sessions.push_back({give(worker.file), give(worker.wheel4), give(worker.wheel6), give(worker.state)});
  }
  for (const std::uint64_t word : offer.meter_key.word) key.emplace_back(word);
  body["sessions"] = std::move(sessions);
  body["meters"] = {give(offer.meter_buckets), give(offer.meter_lines)};
  body["meter_key"] = std::move(key);
  body["policy_generation"] = offer.policy_generation;
  body["route_generation"] = offer.route_generation;
  for (const OfferedInterface& interface : offer.interfaces) {
    interfaces.push_back({{"name", interface.name},
                          {"ifindex", interface.ifindex},
                          {"lanes", interface.lanes},
                          {"mode", interface.mode},
                          {"attach", static_cast<std::uint32_t>(interface.attach)}});
    give(interface.link);
  }
  body["interfaces"] = std::move(interfaces);
  socket.send(body, descriptors);
}

Offer receive_offer(HandoverSocket& socket, std::chrono::milliseconds patience) {
  HandoverSocket::Message message = socket.receive(patience);
  const json::object& body = message.body;
  expect(body, "offer");
  if (number(body, "protocol") != kProtocol) throw_misunderstood("another protocol");
  Descriptors descriptors(message);
  Offer offer;
  offer.version = text(body, "version");
  offer.region.frame_size = number<std::uint32_t>(body, "frame_size");
  offer.region.frames = number<std::uint32_t>(body, "frames");
  offer.region.workers = number<WorkerIndex>(body, "workers");
  const json::array& rings = list(body, "rings");
  if (rings.size() != 4) throw_misunderstood("rings");
  const auto ring = [&rings](std::size_t i) { return rings[i].to_number<std::uint32_t>(); };
  offer.rings = {ring(0), ring(1), ring(2), ring(3)};
  offer.pages = static_cast<PageKind>(std::min(number<std::uint32_t>(body, "pages"), 2U));
  offer.region_memory = descriptors.next(flag(body, "region"));
  offer.tun_name = text(body, "tun_name");
  offer.tun = descriptors.next(flag(body, "tun"));
  offer.control_socket = text(body, "control_socket");
  offer.metrics = text(body, "metrics");
  for (const json::value& worker : list(body, "sessions")) {
    const json::array& flags = flags_of(worker, 4);
    Fd file = descriptors.next(is_true(flags[0])), wheel4 = descriptors.next(is_true(flags[1]));
    Fd wheel6 = descriptors.next(is_true(flags[2])), state = descriptors.next(is_true(flags[3]));
    offer.sessions.push_back({std::move(file), std::move(wheel4), std::move(wheel6), std::move(state)});
  }
  const json::array& meters = list(body, "meters");
  if (meters.size() != 2) throw_misunderstood("meters");
  offer.meter_buckets = descriptors.next(is_true(meters[0]));
  offer.meter_lines = descriptors.next(is_true(meters[1]));
  const json::array& key = list(body, "meter_key");
  if (key.size() != offer.meter_key.word.size()) throw_misunderstood("a key");
  for (std::size_t i = 0; i < key.size(); ++i) offer.meter_key.word[i] = key[i].to_number<std::uint64_t>();
  offer.policy_generation = number<std::uint16_t>(body, "policy_generation");
  offer.route_generation = number(body, "route_generation");
  for (const json::value& value : list(body, "interfaces")) {
    if (!value.is_object()) throw_misunderstood("an interface");
    const json::object& from = value.get_object();
    OfferedInterface interface;
    interface.name = text(from, "name");
    interface.ifindex = number<std::uint32_t>(from, "ifindex");
    interface.lanes = number<std::uint32_t>(from, "lanes");
    interface.mode = text(from, "mode");
    interface.attach = number<std::uint32_t>(from, "attach") == 0 ? AttachMode::kNative : AttachMode::kGeneric;
    interface.link = descriptors.next(true);
    offer.interfaces.push_back(std::move(interface));
  }
  return offer;
}

void send_ready(HandoverSocket& socket, const Ready& ready) {
  json::array names;
  for (const std::string& name : ready.interfaces) names.emplace_back(name);
  socket.send({{"message", "ready"}, {"interfaces", std::move(names)}, {"tun", ready.tun}});
}

Ready receive_ready(HandoverSocket& socket, std::chrono::milliseconds patience) {
  const HandoverSocket::Message message = socket.receive(patience);
  expect(message.body, "ready");
  Ready ready;
  for (const json::value& name : list(message.body, "interfaces")) {
    if (!name.is_string()) throw_misunderstood("a name");
    ready.interfaces.emplace_back(name.get_string());
  }
  ready.tun = flag(message.body, "tun");
  return ready;
}

void send_lane(HandoverSocket& socket, const OfferedLane& lane) {
  const Mapping words = words_of(lane.left);
  const std::array<int, 2> descriptors = {lane.left.socket.get(), words.fd().get()};
  socket.send({{"message", "lane"},
               {"interface", lane.interface},
               {"queue", lane.queue},
               {"worker", lane.worker},
               {"got", static_cast<std::uint32_t>(lane.left.got)},
               {"why_not_better", lane.left.why_not_better},
               {"words", lane.left.receiving.size()}},
              descriptors);
}

void send_left(HandoverSocket& socket, std::uint64_t rested_ns) {
  socket.send({{"message", "left"}, {"rested_ns", rested_ns}});
}

LeftLanes receive_lanes(HandoverSocket& socket, std::chrono::milliseconds patience) {
  LeftLanes left;
  for (;;) {
    HandoverSocket::Message message = socket.receive(patience);
    const json::object& body = message.body;
    if (text(body, "message") == "left") {
      left.rested_ns = number(body, "rested_ns");
      return left;
    }
    expect(body, "lane");
    Descriptors descriptors(message);
    OfferedLane lane;
    lane.interface = text(body, "interface");
    lane.queue = number<std::uint32_t>(body, "queue");
    lane.worker = number<std::uint32_t>(body, "worker");
    lane.left.got = static_cast<LaneMode>(std::min(number<std::uint32_t>(body, "got"), 2U));
    lane.left.why_not_better = text(body, "why_not_better");
    lane.left.socket = descriptors.next(true);
    read_words(descriptors.next(true), number(body, "words"), lane.left);
    left.lanes.push_back(std::move(lane));
  }
}

void send_runs(HandoverSocket& socket) {
  socket.send({{"message", "runs"}});
}

void receive_runs(HandoverSocket& socket, std::chrono::milliseconds patience) {
  expect(socket.receive(patience).body, "runs");
}

}  // namespace culvert
