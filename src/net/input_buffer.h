// Received bytes that nobody has taken yet: one block, filled at the end, taken from the front.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

namespace hodei::net {

class InputBuffer {
 public:
  char* data() { return block_.get() + begin_; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::string_view view() const { return {block_.get() + begin_, size()}; }

  // Takes the first `n` bytes away; pointers into the rest stay valid.
  void Consume(size_t n) {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Where the next bytes may be written, and how many.
  char* free_data() { return block_.get() + end_; }
  size_t free_size() const { return capacity_ - end_; }
  void Commit(size_t n) { end_ += n; }

  // Makes room so that `capacity` bytes fit in all, moving what is there to the front.
  void Reserve(size_t capacity) {
    if (capacity_ - begin_ >= capacity) return;
    if (capacity_ >= capacity) {
      std::memmove(block_.get(), data(), size());
    } else {
      std::unique_ptr<char[]> larger(new char[capacity]);
      if (size() > 0) std::memcpy(larger.get(), data(), size());
      block_ = std::move(larger);
      capacity_ = capacity;
    }
    end_ = size();
    begin_ = 0;
  }

  // Gives memory back when nothing is held.
  void ShrinkTo(size_t capacity) {
    if (!empty() || capacity_ <= capacity) return;
    block_.reset();
    capacity_ = 0;
  }

 private:
  std::unique_ptr<char[]> block_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace hodei::net
