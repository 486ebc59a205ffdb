// A loaded model, whatever runs it: an engine of the C ABI, a Python worker, or a compiled form.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/tensor.h"

namespace hodei::engine {

using Deadline = std::chrono::steady_clock::time_point;

// What went wrong with a prediction, as the reference numbers it.
enum class Fault {
  kLoad = 0,
  kInputs = 1,
  kRun = 2,
  kOutputs = 3,
  kUserCode = 4,
};

// A Status whose reason is the number of `fault`. kInputs is INVALID_ARGUMENT, the others ABORTED:
// the model, not the server, is at fault.
Status ModelError(Fault fault, std::string message);
// "Invalid inputs: message (Error code: 1)": the form of the reference's library, for load errors
// and for predictions on one's own machine. A status that is no ModelError() keeps its message.
std::string LibraryText(const Status& status);
// "Prediction failed: message": the form of the hosted service.
std::string HostedText(const Status& status);

class Model {
 public:
  virtual ~Model() = default;

  // At least one, fixed for the life of the model.
  virtual const std::vector<Signature>& signatures() const = 0;
  // How many calls of Run() may overlap.
  virtual int concurrency() const = 0;
  // One tensor for each input of the signature, in its order, all with the same number of rows; the
  // outputs likewise. After `deadline` a model that can be stopped is, with DEADLINE_EXCEEDED.
  virtual Result<std::vector<Tensor>> Run(size_t signature, const std::vector<Tensor>& inputs,
                                          Deadline deadline) = 0;
};

}  // namespace hodei::engine
