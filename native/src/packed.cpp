#include "gimbal.h"
