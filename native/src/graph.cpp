// gb_graph: ops of a CUDA context recorded once and launched many times, for the cost of one launch.
#include "context.h"

#include <memory>
#include <string>

using namespace gimbal;

struct gb_graph {
    Cuda* cuda;
    driver::GraphExec executable;
};

namespace {

Cuda& device_of(gb_context* context) {
    if (context == nullptr) throw Error(GB_INVALID_ARGUMENT, "context is null");
    if (context->cuda() == nullptr) throw Error(GB_UNSUPPORTED, "only a CUDA device records graphs");
    return *context->cuda();
}

} // namespace

gb_status gb_graph_begin(gb_context* context) {
    return guard("gb_graph_begin", [&] {
        Cuda& cuda = device_of(context);
        Cuda::Call call(cuda, "gb_graph_begin");
        cuda.begin_capture();
    });
}

gb_status gb_graph_end(gb_context* context, gb_graph** graph) {
    return guard("gb_graph_end", [&] {
        Cuda& cuda = device_of(context);
        if (graph == nullptr) throw Error(GB_INVALID_ARGUMENT, "graph is null");
        Cuda::Call call(cuda, "gb_graph_end");
        auto made = std::make_unique<gb_graph>(gb_graph{&cuda, nullptr});
        made->executable = cuda.end_capture();
        *graph = made.release();
    });
}

gb_status gb_graph_launch(gb_context* context, const gb_graph* graph) {
    return guard("gb_graph_launch", [&] {
        Cuda& cuda = device_of(context);
        if (graph == nullptr) throw Error(GB_INVALID_ARGUMENT, "graph is null");
        if (graph->cuda != &cuda) throw Error(GB_INVALID_ARGUMENT, "the graph was recorded by another context");
        Cuda::Call call(cuda, "gb_graph_launch");
        cuda.launch_graph(graph->executable);
        call.finish();
    });
}

void gb_graph_destroy(gb_graph* graph) {
    if (graph == nullptr) return;
    guard("gb_graph_destroy", [&] {
        const std::unique_ptr<gb_graph> owned(graph);
        Cuda::Call call(*owned->cuda, "gb_graph_destroy");
        owned->cuda->destroy_graph(owned->executable);
    });
}
