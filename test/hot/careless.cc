// SPDX-License-Identifier: Apache-2.0
// Everything that hot code must not do, one function each. It is compiled, never called: tools/lint/hot_symbols has to
// flag every one of these.
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace culvert {

void grows(std::vector<int>& numbers) {
  numbers.push_back(static_cast<int>(numbers.size()));
}
void throws() {
  throw std::runtime_error("hot code counts instead");
}
void* takes_from_the_heap(std::size_t size) {
  return std::malloc(size);
}
void prints(int number) {
  std::printf("%d\n", number);
}
long calls_the_kernel(int fd) {
  return ::sendto(fd, nullptr, 0, 0, nullptr, 0);
}

void locks(std::mutex& mutex) {
  mutex.lock();
  mutex.unlock();
}

const std::string& starts_on_first_use(std::size_t length) {
  static const std::string text(length, 'x');
  return text;
}

}  // namespace culvert
