@NullMarked
package io.tandem.loadtest.model;

import org.jspecify.annotations.NullMarked;
