/** Figures in one look, drawn from CSV files into SVG. */
@NullMarked
package io.tandem.loadtest.figure;

import org.jspecify.annotations.NullMarked;
