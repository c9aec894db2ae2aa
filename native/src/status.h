// How a call fails: an Error thrown inside the library, turned into a status and a message at its edge.
#pragma once

#include "gimbal.h"

#include <exception>
#include <new>
#include <string>
#include <utility>

namespace gimbal {

class Error : public std::exception {
public:
    Error(gb_status status, std::string message) : status_(status), message_(std::move(message)) {}
    gb_status status() const { return status_; }
    const char* what() const noexcept override { return message_.c_str(); }

private:
    gb_status status_;
    std::string message_;
};

// Keeps the thread's message for gb_last_error and returns the status.
gb_status fail(gb_status status, const char* operation, const char* message) noexcept;

// Runs the body of an exported function. Nothing may leave it but a status: an exception that crossed the C ABI would
// end the caller's process.
template <class Body> gb_status guard(const char* operation, Body&& body) noexcept {
    try {
        body();
        return GB_OK;
    } catch (const Error& error) {
        return fail(error.status(), operation, error.what());
    } catch (const std::bad_alloc&) {
        return fail(GB_OUT_OF_MEMORY, operation, "out of memory");
    } catch (const std::exception& error) {
        return fail(GB_INTERNAL, operation, error.what());
    } catch (...) {
        return fail(GB_INTERNAL, operation, "unknown failure");
    }
}

} // namespace gimbal
