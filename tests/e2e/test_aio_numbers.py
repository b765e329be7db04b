# SPDX-License-Identifier: Apache-2.0
"""What deliveries to AIO Tests may cost in requests and memory: the scenes of counts.py, each on Cloud and Server.

`python3 tests/e2e/counts.py` prints the table.
"""

import pytest

from counts import AIO_SCENES, MEMORY_MOST_KIB
from peak import sanitized


@pytest.mark.parametrize("deployment", ["cloud", "server"])
@pytest.mark.parametrize("scene", AIO_SCENES)
def test_a_delivery_costs_few_requests_and_little_memory(binary, tmp_path, scene, deployment):
    for name, most, (kinds, memory) in scene(tmp_path, deployment):
        assert sum(kinds.values()) <= most, (name, kinds)
        assert memory > 0
        if not sanitized(binary):
            assert memory <= MEMORY_MOST_KIB, name
