// SPDX-License-Identifier: Apache-2.0
// SYN cookies: the sequence number of our SYN-ACK holds all that we must know again when it is acknowledged, so a SYN
// costs no memory. Bernstein and Schenk, 1996; RFC 4987 3.6.
//
//   | 26 bits: SipHash of tuple, client's number, date, and the 6 bits here | date | scale and SACK | MSS |
//                                                                             1 bit  3 bits           2 bits
//
//   198.18.0.7:1024 -> 192.0.2.80:80, SYN 1000, MSS 1452, scale 7, SACK       options_in(): MSS 1400, scale 7, SACK
//   our SYN-ACK has the sequence number make() = 0x5dc1b2f6
//   ACK 1001, acknowledges 0x5dc1b2f7                                         check() says yes for a minute or two
//
// What the client can is rounded down to one of four sizes and one of eight pairs of scale and SACK, which every client
// gets: those without time stamps (Windows) too, to whom Linux's cookies deny both (FreeBSD's don't).
//
// Who can't see our SYN-ACKs must guess: one forged ACK in 2^26 is taken for true, whatever its low bits say. At a
// million forged ACKs a second that is one a minute, and all that it gains is one SYN to the server.
#pragma once

#include <cstdint>

#include "base/siphash.h"
#include "base/time.h"
#include "packet/five_tuple.h"

namespace culvert {

/// What one end of a connection told in its SYN (RFC 9293 3.7.1, RFC 7323 2.2, RFC 2018 2).
struct SynOptions {
  std::uint16_t mss = 0;          ///< bytes; 0: nothing said
  std::int8_t window_scale = -1;  ///< 0..14; -1: windows are not scaled
  bool sack_permitted = false;

  friend constexpr bool operator==(const SynOptions&, const SynOptions&) = default;
};

class SynCookies {
 public:
  /// A cookie is good for one to two of these: 69 s.
  static constexpr unsigned kDateShift = 36;

  explicit SynCookies(const SipKey& key) noexcept;

  /// The cookie for the SYN with number `client_isn` of a client that is `tuple`'s source. `options` are rounded as
  /// options_in() reads them out again; a size below the smallest counts as that one.
  template <typename Tuple>
  std::uint32_t make(const Tuple& tuple, std::uint32_t client_isn, const SynOptions& options, Now now) const noexcept;

  /// Whether make() has made `cookie` for this tuple and number between now and two dates ago.
  template <typename Tuple>
  bool check(const Tuple& tuple, std::uint32_t client_isn, std::uint32_t cookie, Now now) const noexcept;

  /// The TSval of a SYN-ACK: milliseconds (RFC 7323 5.4), from a secret beginning, so that it does not tell for how
  /// long the machine has been up (RFC 7323 7.1).
  std::uint32_t timestamp(Now now) const noexcept {
    return static_cast<std::uint32_t>(now / kNanosecondsPerMillisecond) + timestamp_offset_;
  }

  /// What a cookie says of its client.
  static SynOptions options_in(std::uint32_t cookie, NetworkKind network) noexcept;

 private:
  template <typename Tuple>
  std::uint32_t cookie_of(const Tuple& tuple, std::uint32_t client_isn, std::uint32_t low,
                          std::uint64_t date) const noexcept;

  SipKey key_;
  std::uint32_t timestamp_offset_;
};

extern template std::uint32_t SynCookies::make(const FiveTuple4&, std::uint32_t, const SynOptions&, Now) const noexcept;
extern template std::uint32_t SynCookies::make(const FiveTuple6&, std::uint32_t, const SynOptions&, Now) const noexcept;
extern template bool SynCookies::check(const FiveTuple4&, std::uint32_t, std::uint32_t, Now) const noexcept;
extern template bool SynCookies::check(const FiveTuple6&, std::uint32_t, std::uint32_t, Now) const noexcept;

}  // namespace culvert
