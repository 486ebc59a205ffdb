// What a shard of a batch prediction has given so far; private to the run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "domain/prediction/batch_run.h"

namespace hodei::prediction {

struct BatchRun::ShardOutput {
  std::unique_ptr<store::ObjectWriter> results;
  std::map<std::string, int64_t, std::less<>> errors;
  std::string header;
};

}  // namespace hodei::prediction
