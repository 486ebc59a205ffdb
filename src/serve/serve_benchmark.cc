// What a request costs beside the model itself, and what a batch reaches of a bare loop over the
// model: 100 trees of depth 6 over 30 columns, made here. See tools/bench.sh for the form of the
// lines.
#include <fmt/format.h>
#include <sys/socket.h>
#include <time.h>

#include <random>

#include "engine/xgboost_json.h"
#include "net/unix_address.h"
#include "serve/batch.h"
#include "serve/npy.h"
#include "serve/prediction_service.h"
#include "sys/file.h"

namespace hodei::serve {
namespace {

constexpr int kRounds = 5;
constexpr int kTrees = 100;
constexpr int kDepth = 6;
constexpr int64_t kColumns = 30;
constexpr int64_t kBatchRows = 20'000;
constexpr int64_t kBlockRows = 64;
constexpr int kRequests = 5000;

double CpuSeconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string Joined(const std::vector<std::string>& parts) {
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

// A complete tree: node i has children 2i+1 and 2i+2.
std::string TreeText(std::mt19937* random) {
  constexpr int kNodes = (2 << kDepth) - 1;
  constexpr int kInner = (1 << kDepth) - 1;
  std::uniform_real_distribution<double> value(-1, 1);
  std::vector<std::string> left, right, feature, condition, missing;
  for (int i = 0; i < kNodes; ++i) {
    const bool inner = i < kInner;
    left.push_back(std::to_string(inner ? 2 * i + 1 : -1));
    right.push_back(std::to_string(inner ? 2 * i + 2 : -1));
    feature.push_back(std::to_string(inner ? (*random)() % kColumns : 0));
    condition.push_back(fmt::format("{:.6f}", inner ? value(*random) : value(*random) * 0.05));
    missing.push_back("0");
  }
  return R"({"categories": [], "tree_param": {"size_leaf_vector": "1"}, "left_children": )" +
         Joined(left) + R"(, "right_children": )" + Joined(right) + R"(, "split_indices": )" +
         Joined(feature) + R"(, "split_conditions": )" + Joined(condition) +
         R"(, "default_left": )" + Joined(missing) + "}";
}

std::unique_ptr<LoadedModel> MakeModel() {
  std::mt19937 random(1);
  std::vector<std::string> trees;
  std::vector<std::string> groups(kTrees, "0");
  for (int i = 0; i < kTrees; ++i) trees.push_back(TreeText(&random));
  const std::string text =
      R"({"learner": {"learner_model_param": {"base_score": "5E-1", "num_feature": "30"},
          "objective": {"name": "binary:logistic"}, "gradient_booster": {"name": "gbtree",
          "model": {"tree_info": )" +
      Joined(groups) + R"(, "trees": )" + Joined(trees) + "}}}}";
  auto loaded = std::make_unique<LoadedModel>();
  loaded->model = std::move(engine::ReadXgboostJson(text).value().model);
  return loaded;
}

engine::Tensor MakeRows(int64_t rows) {
  std::mt19937 random(2);
  std::uniform_real_distribution<float> value(-1, 1);
  engine::Tensor tensor = engine::MakeTensor(engine::DType::kFloat32, {rows, kColumns});
  for (int64_t i = 0; i < rows * kColumns; ++i) tensor.values<float>()[i] = value(random);
  return tensor;
}

std::string Lines(const engine::Tensor& rows) {
  std::string lines;
  for (int64_t row = 0; row < rows.rows(); ++row) {
    const float* x = rows.values<float>() + row * kColumns;
    lines += fmt::format("[{}]\n", fmt::join(x, x + kColumns, ", "));
  }
  return lines;
}

// CPU of `work` on this thread, in seconds.
template <typename Work>
double CpuOf(Work work) {
  const double start = CpuSeconds(CLOCK_THREAD_CPUTIME_ID);
  work();
  return CpuSeconds(CLOCK_THREAD_CPUTIME_ID) - start;
}

void MeasureBatch() {
  const std::unique_ptr<LoadedModel> loaded = MakeModel();
  const engine::Tensor rows = MakeRows(kBatchRows);
  std::vector<std::vector<engine::Tensor>> blocks;
  for (int64_t at = 0; at + kBlockRows <= kBatchRows; at += kBlockRows) {
    blocks.push_back({});
    blocks.back().push_back(SliceRows(rows, at, at + kBlockRows));
  }
  std::string lines = Lines(rows);
  const size_t size = lines.size();
  lines.append(kBodyPadding, '\0');
  const std::string_view body = std::string_view(lines).substr(0, size);
  const std::string npy = PrintNpy({rows}).value();
  const auto never = engine::Deadline::max();
  for (int round = 0; round < kRounds; ++round) {
    const double bare = CpuOf([&] {
      for (const auto& block : blocks) (void)loaded->model->Run(0, block, never).ok();
    });
    const double json =
        CpuOf([&] { (void)ScoreBatch("batch_size=64", "text/plain", body, loaded.get(), never); });
    const double binary = CpuOf([&] {
      const auto request = NpyRequest(npy, loaded->model->signatures(), "").value();
      (void)PrintNpy(loaded->model->Run(0, request.inputs, never).value()).ok();
    });
    const double to_rate = static_cast<double>(kBatchRows) / 1000;
    fmt::print("bench batch_json {:.0f} krows/s peer=bare_loop:{:.0f} min_ratio=0.5\n",
               to_rate / json, to_rate / bare);
    fmt::print("bench batch_npy {:.0f} krows/s peer=bare_loop:{:.0f} min_ratio=0.9\n",
               to_rate / binary, to_rate / bare);
  }
}

void Ask(int fd, const std::string& request) {
  char answer[1024];
  if (!WriteAll(fd, request).ok() || recv(fd, answer, sizeof(answer), 0) <= 0) std::abort();
}

// The program's own threads against the model called alone.
void MeasureOverhead() {
  const TemporaryDirectory folder;
  PredictionService service{ServeConfig{}};
  auto loop = std::move(HttpLoop::ListenUnix(folder.path() + "/s", {},
                                             [&](const HttpRequest& request, HttpLoop::Done done) {
                                               service.Handle(request, std::move(done));
                                             }))
                  .value();
  std::unique_ptr<LoadedModel> loaded = MakeModel();
  engine::Model* model = loaded->model.get();
  service.Ready(std::move(loaded));
  if (!loop->Start(2).ok()) std::abort();
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = net::UnixAddress::Make(folder.path() + "/s").value();
  if (connect(fd.get(), address.name(), address.size()) != 0) std::abort();
  std::vector<engine::Tensor> row;
  row.push_back(MakeRows(1));
  std::string instance = Lines(row[0]);
  instance.pop_back();
  const std::string body = "{\"instances\": [" + instance + "]}";
  const std::string request = fmt::format(
      "POST /predict HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n\r\n{}",
      body.size(), body);
  for (int round = -1; round < kRounds; ++round) {
    const double bare = CpuOf([&] {
      for (int i = 0; i < kRequests; ++i) {
        (void)model->Run(0, row, engine::Deadline::max()).ok();
      }
    });
    const double all = CpuSeconds(CLOCK_PROCESS_CPUTIME_ID);
    const double mine = CpuOf([&] {
      for (int i = 0; i < kRequests; ++i) Ask(fd.get(), request);
    });
    const double served = CpuSeconds(CLOCK_PROCESS_CPUTIME_ID) - all - mine;
    if (round < 0) continue;
    const double to_us = 1e6 / kRequests;
    fmt::print("bench predict_tree_row {:.2f} us note=100 trees of depth 6, one row, no request\n",
               bare * to_us);
    fmt::print(
        "bench predict_overhead {:.2f} us max=14 note=CPU of the serving threads less the model\n",
        (served - bare) * to_us);
  }
}

}  // namespace
}  // namespace hodei::serve

int main() {
  hodei::serve::MeasureOverhead();
  hodei::serve::MeasureBatch();
  return 0;
}
