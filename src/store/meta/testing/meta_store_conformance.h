// What every MetaStore must do. An implementation runs all of it:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, MetaStoreConformance, ::testing::Values(MetaStoreMaker{
//       "memory", [] { return MakeMemoryMetaStore(); }}));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "store/meta/meta_store.h"

namespace hodei::store::testing {

struct MetaStoreMaker {
  // Not inline: naming it is what links the suite's tests into a program.
  MetaStoreMaker(std::string name, std::function<std::shared_ptr<MetaStore>()> make);
  std::string name;
  // An empty store; what it needs on disk lives as long as the returned object.
  std::function<std::shared_ptr<MetaStore>()> make;
};

inline void PrintTo(const MetaStoreMaker& maker, std::ostream* out) { *out << maker.name; }

class MetaStoreConformance : public ::testing::TestWithParam<MetaStoreMaker> {
 protected:
  MetaStoreConformance() : store_(GetParam().make()) {}

  static Write Put(std::string kind, std::string name, std::string value,
                   std::optional<int64_t> expected = {}) {
    return {Write::Op::kPut, std::move(kind), std::move(name), std::move(value), expected};
  }
  static Write Delete(std::string kind, std::string name, std::optional<int64_t> expected = {}) {
    return {Write::Op::kDelete, std::move(kind), std::move(name), "", expected};
  }
  // The names of every page, joined by commas, pages by '|'.
  std::string ListNames(std::string_view kind, ListOptions options);

  std::shared_ptr<MetaStore> store_;
};

}  // namespace hodei::store::testing
