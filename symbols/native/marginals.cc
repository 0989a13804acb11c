// The softmax over a joint's heat maps and its sums along each axis (Eq. 3 and 5) as one operator for MXNet's extension
// interface: one pass over the logits forward and one backward, and no map besides them is kept.
//
// softmax_marginals(logits (N, K D, H, W); joints = K, depth = D, height = H, width = W)
//   -> x (N, K, W), y (N, K, H), z (N, K, D): the probabilities of each column, row and plane;
//      scales (N, K, 2): the largest logit and the sum of exp(logit - largest), which backward needs.
// Everything is float32. MXNet does not tell an extension to add to a gradient instead of writing it: whoever calls this
// operator puts one of MXNet's own before it, which sees to that.
#include <mxnet/lib_api.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

using mxnet::ext::MX_FAIL;
using mxnet::ext::MX_SUCCESS;
using mxnet::ext::MXReturnValue;
using mxnet::ext::MXTensor;
using mxnet::ext::OpResource;
using Attributes = std::unordered_map<std::string, std::string>;
using Shape = std::vector<unsigned int>;
using Tensors = std::vector<MXTensor>;

#define INLINE __attribute__((always_inline)) inline

namespace {

struct Size {
  int64_t joints, depth, height, width;
  int64_t plane() const { return height * width; }
  int64_t volume() const { return depth * plane(); }
};

Size size_of(const Attributes& attributes) {
  const auto number = [&](const char* name) { return std::stoll(attributes.at(name)); };
  return {number("joints"), number("depth"), number("height"), number("width")};
}

// e^t for t <= 0, to 2 units in the last place: 2^n times a polynomial in the remainder r, |r| <= ln 2 / 2. Adding
// 1.5 * 2^23 rounds n and leaves it in the lowest bits. Below -87 stays e^-87 = 1e-38, where float32 ends; NaN is kept.
INLINE float exp_of_negative(float t) {
  t = t < -87.0f ? -87.0f : t;
  const float shifted = t * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (t - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts, the first times n exact
  float sum = 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  uint32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return power * sum;
}

INLINE float largest_of(const float* values, int64_t count) {
  float largest = values[0];
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < count; ++i) largest = values[i] > largest ? values[i] : largest;
  return largest;
}

// Adds e^(logit - top) of a plane to `columns`, and writes its sums over the rows to `rows`.
INLINE void add_plane(const float* plane, int64_t height, int64_t width, float top, float* columns, float* rows) {
  for (int64_t y = 0; y < height; ++y) {
    const float* row = plane + y * width;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t x = 0; x < width; ++x) {
      const float power = exp_of_negative(row[x] - top);
      columns[x] += power;
      sum += power;
    }
    rows[y] = sum;
  }
}

// The gradient of a plane: e^(logit - top) times the slopes of its column and its row.
INLINE void write_plane(const float* plane, int64_t height, int64_t width, float top, const float* columns,
                        const float* rows, float* gradient) {
  for (int64_t y = 0; y < height; ++y) {
    const float *row = plane + y * width, slope = rows[y];
    float* written = gradient + y * width;
#pragma omp simd
    for (int64_t x = 0; x < width; ++x) written[x] = exp_of_negative(row[x] - top) * (columns[x] + slope);
  }
}

// The loops over a plane's cells, compiled for one kind of processor.
struct Loops {
  float (*largest_of)(const float*, int64_t);
  void (*add_plane)(const float*, int64_t, int64_t, float, float*, float*);
  void (*write_plane)(const float*, int64_t, int64_t, float, const float*, const float*, float*);
};

#define COMPILED_FOR(name, processor)                                                                               \
  processor float largest_##name(const float* values, int64_t count) { return largest_of(values, count); }          \
  processor void add_##name(const float* plane, int64_t height, int64_t width, float top, float* columns,           \
                            float* rows) {                                                                          \
    add_plane(plane, height, width, top, columns, rows);                                                            \
  }                                                                                                                 \
  processor void write_##name(const float* plane, int64_t height, int64_t width, float top, const float* columns,   \
                              const float* rows, float* gradient) {                                                 \
    write_plane(plane, height, width, top, columns, rows, gradient);                                                \
  }                                                                                                                 \
  const Loops name = {largest_##name, add_##name, write_##name};

COMPILED_FOR(plain, )
#ifdef __x86_64__
COMPILED_FOR(avx2, __attribute__((target("avx2,fma"))))
COMPILED_FOR(avx512, __attribute__((target("avx512f,avx512dq,fma"))))
#endif

// Picked when the library is loaded: a cluster may share it between unlike processors. Not by GCC's target_clones, which
// cannot ask for AVX2 together with fused multiply-adds; these make the exponential a third faster.
Loops of_this_processor() {
#ifdef __x86_64__
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2;
#endif
  return plain;
}

const Loops loops = of_this_processor();

// The sums of one joint's e^(logit - top), in double; top is the largest logit of the planes added so far.
class Marginals {
 public:
  explicit Marginals(const Size& size)
      : size_(size), x_(size.width), y_(size.height), z_(size.depth), columns_(size.width), rows_(size.height) {}

  void read(const float* logits) {
    top_ = std::numeric_limits<float>::lowest();
    x_.assign(size_.width, 0);
    y_.assign(size_.height, 0);
    z_.assign(size_.depth, 0);
    for (int64_t z = 0; z < size_.depth; ++z) add_plane(logits + z * size_.plane(), z);
  }

  void write(float* x, float* y, float* z, float* scales) const {
    double sum = 0;
    for (double share : z_) sum += share;
    divide(x_, sum, x);
    divide(y_, sum, y);
    divide(z_, sum, z);
    scales[0] = top_;
    scales[1] = static_cast<float>(sum);
  }

 private:
  void add_plane(const float* plane, int64_t z) {
    const float largest = loops.largest_of(plane, size_.plane());
    if (largest > top_) raise(largest);
    columns_.assign(size_.width, 0);
    loops.add_plane(plane, size_.height, size_.width, top_, columns_.data(), rows_.data());
    for (int64_t y = 0; y < size_.height; ++y) {
      y_[y] += rows_[y];
      z_[z] += rows_[y];
    }
    for (int64_t x = 0; x < size_.width; ++x) x_[x] += columns_[x];
  }

  void raise(float to) {
    const double factor = std::exp(static_cast<double>(top_) - to);
    for (auto sums : {&x_, &y_, &z_})
      for (double& sum : *sums) sum *= factor;
    top_ = to;
  }

  static void divide(const std::vector<double>& sums, double by, float* shares) {
    for (size_t i = 0; i < sums.size(); ++i) shares[i] = static_cast<float>(sums[i] / by);
  }

  const Size size_;
  float top_;
  std::vector<double> x_, y_, z_;
  std::vector<float> columns_, rows_;
};

double product(const float* left, const float* right, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(left[i]) * right[i];
  return sum;
}

MXReturnValue forward(const Attributes& attributes, Tensors* inputs, Tensors* outputs, const OpResource&) {
  const Size size = size_of(attributes);
  const float* logits = inputs->at(0).data<float>();
  float *x = outputs->at(0).data<float>(), *y = outputs->at(1).data<float>(), *z = outputs->at(2).data<float>();
  float* scales = outputs->at(3).data<float>();
  const int64_t maps = inputs->at(0).shape[0] * size.joints;
#pragma omp parallel
  {
    Marginals marginals(size);
#pragma omp for schedule(dynamic)
    for (int64_t k = 0; k < maps; ++k) {
      marginals.read(logits + k * size.volume());
      marginals.write(x + k * size.width, y + k * size.height, z + k * size.depth, scales + 2 * k);
    }
  }
  return MX_SUCCESS;
}

// A logit's gradient: its probability times what the gradients of its column, row and plane exceed their mean by.
// MXNet hands over the gradients of the four outputs, the input, and the four outputs.
MXReturnValue backward(const Attributes& attributes, Tensors* inputs, Tensors* outputs, const OpResource&) {
  const Size size = size_of(attributes);
  const auto input = [&](int index) { return static_cast<const float*>(inputs->at(index).data<float>()); };
  const float *slope_x = input(0), *slope_y = input(1), *slope_z = input(2), *logits = input(4);
  const float *x = input(5), *y = input(6), *z = input(7), *scales = input(8);
  float* gradient = outputs->at(0).data<float>();
  const int64_t maps = inputs->at(4).shape[0] * size.joints;
#pragma omp parallel
  {
    std::vector<float> columns(size.width), rows(size.height);
#pragma omp for schedule(dynamic)
    for (int64_t k = 0; k < maps; ++k) {
      const float *to_x = slope_x + k * size.width, *to_y = slope_y + k * size.height, *to_z = slope_z + k * size.depth;
      const double mean = product(to_x, x + k * size.width, size.width) + product(to_y, y + k * size.height, size.height)
                          + product(to_z, z + k * size.depth, size.depth);
      const float top = scales[2 * k], sum = scales[2 * k + 1];
      for (int64_t i = 0; i < size.width; ++i) columns[i] = to_x[i] / sum;
      for (int64_t plane = 0; plane < size.depth; ++plane) {
        for (int64_t i = 0; i < size.height; ++i) rows[i] = static_cast<float>((to_y[i] + to_z[plane] - mean) / sum);
        const int64_t offset = k * size.volume() + plane * size.plane();
        loops.write_plane(logits + offset, size.height, size.width, top, columns.data(), rows.data(),
                          gradient + offset);
      }
    }
  }
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes&, int* inputs, int* outputs) {
  *inputs = 1;
  *outputs = 4;
  return MX_SUCCESS;
}

MXReturnValue infer_type(const Attributes&, std::vector<int>* inputs, std::vector<int>* outputs) {
  inputs->assign(1, mxnet::ext::kFloat32);
  outputs->assign(4, mxnet::ext::kFloat32);
  return MX_SUCCESS;
}

MXReturnValue infer_shape(const Attributes& attributes, std::vector<Shape>* inputs, std::vector<Shape>* outputs) {
  const auto number = [&](const char* name) { return static_cast<unsigned int>(std::stoul(attributes.at(name))); };
  const unsigned int joints = number("joints"), depth = number("depth"), height = number("height"),
                     width = number("width");
  const Shape given = inputs->at(0);
  if (given.size() != 4 || given != Shape{given[0], joints * depth, height, width}) {
    MX_ERROR_MSG << "built for maps (N, " << joints * depth << ", " << height << ", " << width << ")";
    return MX_FAIL;
  }
  *outputs = {{given[0], joints, width}, {given[0], joints, height}, {given[0], joints, depth}, {given[0], joints, 2}};
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(softmax_marginals)
    .setParseAttrs(parse)
    .setInferType(infer_type)
    .setInferShape(infer_shape)
    .setForward(forward, "cpu")
    .setBackward(backward, "cpu");

MXReturnValue initialize(int) { return MX_SUCCESS; }
