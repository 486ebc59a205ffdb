#include "serve/local_predict.h"

#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include "serve/model_loader.h"
#include "serve/serve_program.h"
#include "sys/file.h"

namespace hodei::serve {
namespace {

constexpr size_t kInputBytesMax = 256 << 20;

Result<std::string> ReadStdin() {
  std::string text;
  char piece[64 * 1024];
  for (;;) {
    const ssize_t got = read(STDIN_FILENO, piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read stdin");
    if (got == 0) return text;
    if (text.size() + static_cast<size_t>(got) > kInputBytesMax) {
      return ResourceExhausted(fmt::format("the input is larger than {} bytes", kInputBytesMax));
    }
    text.append(piece, static_cast<size_t>(got));
  }
}

Result<Predictions> PredictOnce(LoadedModel* loaded, std::string body) {
  const size_t size = body.size();
  body.append(kBodyPadding, '\0');
  const std::string_view text = std::string_view(body).substr(0, size);
  if (loaded->model == nullptr) return loaded->body_model->Predict(text, engine::Deadline::max());
  Result<ParsedRequest> request = ParseRequest(text, loaded->model->signatures(), loaded->rules);
  if (!request.ok() && request.status().reason() == kNotNumbers && loaded->body_model != nullptr) {
    return loaded->body_model->Predict(text, engine::Deadline::max());
  }
  RETURN_IF_ERROR(request.status());
  ASSIGN_OR_RETURN(auto outputs, loaded->model->Run(request->signature, request->inputs,
                                                    engine::Deadline::max()));
  return PrintPredictions(loaded->model->signatures()[request->signature].outputs, outputs,
                          request->rows, loaded->named_outputs);
}

}  // namespace

int PredictLocally(const ServeConfig& config, const ProgramPaths& paths) {
  Result<std::string> body = ReadStdin();
  if (!body.ok()) {
    fmt::print(stderr, "hodei-serve: {}\n", body.status().message());
    return 1;
  }
  Result<std::unique_ptr<LoadedModel>> loaded = LoadModel(config, paths);
  if (!loaded.ok()) {
    fmt::print(stderr, "{}\n", engine::LibraryText(loaded.status()));
    return kExitLoadFailed;
  }
  const Result<Predictions> predictions = PredictOnce(loaded->get(), std::move(body).value());
  if (!predictions.ok()) {
    fmt::print(stderr, "{}\n", engine::LibraryText(predictions.status()));
    return 1;
  }
  fmt::print("{}\n", PredictionsBody(*predictions));
  return fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace hodei::serve
