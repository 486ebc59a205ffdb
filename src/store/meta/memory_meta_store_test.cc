#include "store/meta/testing/meta_store_conformance.h"

namespace hodei::store::testing {

INSTANTIATE_TEST_SUITE_P(Memory, MetaStoreConformance,
                         ::testing::Values(MetaStoreMaker{"memory",
                                                          [] { return MakeMemoryMetaStore(); }}));

}  // namespace hodei::store::testing
