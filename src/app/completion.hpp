// Shell completion, generated from the tree of commands, so that it is never behind it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace carryall::app {

// `shell` is bash, zsh or fish; empty for another one.
std::string completion_script(const CLI::App& root, std::string_view shell);

}  // namespace carryall::app
