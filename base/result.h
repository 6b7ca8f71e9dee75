// SPDX-License-Identifier: Apache-2.0
// How failure is said (docs/STYLE.md, "Errors"):
//   construction (sockets, maps, memory, attach)   throws SetupError; only app/main.cc catches it
//   what a person typed, or what fails after start returns Result<T>
//   a packet                                       verdict + drop reason + cell, never these types
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>

namespace culvert {

/// What we were doing, why it failed, and what the reader can try.
struct Error {
  std::string what;  ///< a sentence without a full stop: "eth0 queue 3: zero-copy not supported by this driver"
  int code = 0;      ///< errno, or 0 when no system call was involved
  std::string hint;  ///< what to type or change; may be empty

  /// One line: what, the errno in words, and the hint in brackets.
  std::string to_string() const;
};

template <typename T>
using Result = boost::system::result<T, Error>;

/// Thrown by constructors that acquire something and cannot. Carries the same three parts as Error.
class SetupError : public std::runtime_error {
 public:
  explicit SetupError(Error error);
  const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

/// Called by Result<T>::value() on an error: turns it into a SetupError.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& location);

/// An Error from the current errno; read errno before anything else can change it.
Error errno_error(std::string what, std::string hint = {});

}  // namespace culvert
