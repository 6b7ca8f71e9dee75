// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace culvert {

std::string Error::to_string() const {
  std::string text = what;
  if (code != 0) {
    text += ": ";
    text += std::strerror(code);
  }
  if (!hint.empty()) {
    text += " (";
    text += hint;
    text += ")";
  }
  return text;
}

SetupError::SetupError(Error error) : std::runtime_error(error.to_string()), error_(std::move(error)) {}

void throw_exception_from_error(const Error& error, const boost::source_location& /*location*/) {
  throw SetupError(error);
}

Error errno_error(std::string what, std::string hint) {
  const int code = errno;
  return Error{std::move(what), code, std::move(hint)};
}

}  // namespace culvert
