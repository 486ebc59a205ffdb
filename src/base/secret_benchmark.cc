// Whether the comparison of secrets tells by its time where they differ (T4): Welch's t test over
// two classes of inputs, those that differ in the first byte and those that differ in the last.
// Above 4.5 the classes are told apart. A difference that is there grows with the samples.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/secret.h"

namespace hodei {
namespace {

constexpr int kSamples = 1'000'000;
constexpr int kComparisons = 16;  // a sample; the clock's own step is larger than one
constexpr size_t kSecretBytes = 64;

struct Class {
  std::vector<double> ns;

  // Interrupts and neighbours only ever add: the slowest twentieth says nothing about the function.
  void Trim() {
    std::sort(ns.begin(), ns.end());
    ns.resize(ns.size() - ns.size() / 20);
  }
  double mean() const {
    double sum = 0;
    for (const double value : ns) sum += value;
    return sum / static_cast<double>(ns.size());
  }
  double variance() const {
    const double middle = mean();
    double sum = 0;
    for (const double value : ns) sum += (value - middle) * (value - middle);
    return sum / static_cast<double>(ns.size() - 1);
  }
};

template <typename Equal>
double WelchT(Equal equal) {
  const std::string secret(kSecretBytes, 's');
  std::string first = secret;
  std::string last = secret;
  first.front() = 'x';
  last.back() = 'x';
  Class classes[2];
  std::mt19937 random(1);
  // One buffer for both, so that its place in memory is no difference.
  std::string guess = secret;
  uint64_t found = 0;
  for (int i = 0; i < kSamples; ++i) {
    const bool late = (random() & 1) != 0;
    guess.assign(late ? last : first);
    const auto start = std::chrono::steady_clock::now();
    for (int j = 0; j < kComparisons; ++j) {
      found += equal(secret, guess) ? 1 : 0;
      asm volatile("" : : "r"(guess.data()) : "memory");  // each comparison is a new one
    }
    const auto end = std::chrono::steady_clock::now();
    classes[late ? 1 : 0].ns.push_back(
        std::chrono::duration<double, std::nano>(end - start).count());
  }
  if (found != 0) return INFINITY;
  for (Class& one : classes) one.Trim();
  const double spread = classes[0].variance() / static_cast<double>(classes[0].ns.size()) +
                        classes[1].variance() / static_cast<double>(classes[1].ns.size());
  return std::abs(classes[0].mean() - classes[1].mean()) / std::sqrt(spread);
}

// What must not be used, to show that the measurement sees a difference where there is one.
bool FirstDifference(std::string_view a, std::string_view b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

}  // namespace
}  // namespace hodei

int main() {
  fmt::print("bench secret_compare_t {:.2f} t max=4.5 note=Welch's t over 1e6 samples\n",
             hodei::WelchT(hodei::ConstantTimeEqual));
  fmt::print("bench early_exit_compare_t {:.0f} t min=4.5 note=the same test must see this one\n",
             hodei::WelchT(hodei::FirstDifference));
  return 0;
}
