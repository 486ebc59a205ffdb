// What every store in a folder has in common when it is opened.
#pragma once

#include <functional>
#include <memory>

#include "store/object/content_store.h"
#include "store/object/index.h"
#include "store/object/object_store.h"

namespace hodei::store {

// Opens the contents. `next_content_id` may be raised.
using ContentMaker = std::function<Result<std::unique_ptr<ContentStore>>(
    const Index::Highest& highest, int64_t* next_content_id)>;

// Locks the folder, opens its index and its contents, and recovers.
Result<std::unique_ptr<ObjectStore>> OpenStoreFolder(const LocalObjectStoreOptions& options,
                                                     const ContentMaker& make_contents);

}  // namespace hodei::store
