/** Models and adapters that are elsewhere: on a HuggingFace hub, or in an S3-compatible store. */
@NullMarked
package io.tandem.server.remote;

import org.jspecify.annotations.NullMarked;
