package io.tandem.loadtest.figure;

import java.awt.Color;
import java.awt.geom.Ellipse2D;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.SymbolAxis;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;
import org.jspecify.annotations.Nullable;

/** Lines with one vertical axis. */
public final class Panel {
    private static final int DOTTED_MAX = 40;
    private static final double DOT = 7;

    private final NumberAxis axis;
    private final XYSeriesCollection series = new XYSeriesCollection();
    private final Map<String, Color> colors = new HashMap<>();
    private final Set<String> references = new HashSet<>();
    private int firstColor;
    private boolean likeAbove;

    public Panel(String label) {
        axis = Look.numbers(label);
    }

    /** An axis that goes across, from zero. */
    public static ValueAxis across(String label) {
        NumberAxis axis = Look.numbers(label);
        axis.setUpperMargin(0.03);
        return axis;
    }

    /** An axis that goes across in names, the first at 0, the second at 1, and so on. */
    public static ValueAxis acrossNames(String label, List<String> names) {
        SymbolAxis axis = Look.axis(new SymbolAxis(label, names.toArray(String[]::new)));
        axis.setGridBandsVisible(false);
        return axis;
    }

    /** The vertical axis ends here, such as at 100 %. */
    public Panel upTo(double most) {
        axis.setRange(0, most);
        return this;
    }

    /** The lines are those of the panel above, in its colours, and need no legend of their own. */
    public Panel likeAbove() {
        likeAbove = true;
        return this;
    }

    boolean isLikeAbove() {
        return likeAbove;
    }

    /** Points from left to right; where y is NaN, the line has a gap. */
    public Panel line(String name, double[] x, double[] y) {
        XYSeries line = new XYSeries(name, false, true);
        for (int i = 0; i < x.length; i++) {
            line.add(x[i], Double.isNaN(y[i]) ? null : (Number) y[i]);
        }
        series.addSeries(line);
        return this;
    }

    /** The same in a colour that does not depend on the other lines. */
    public Panel line(String name, int color, double[] x, double[] y) {
        colors.put(name, Look.color(color));
        return line(name, x, y);
    }

    /** A dashed line to compare the others with; it is always in the legend. */
    public Panel reference(String name, double[] x, double[] y) {
        references.add(name);
        colors.put(name, Look.TEXT);
        return line(name, x, y);
    }

    /** Such as what fine-tuning did while there was none; an axis fitted to that would show rounding errors. */
    private boolean isAllZero() {
        return series.getRangeLowerBound(false) == 0 && series.getRangeUpperBound(false) == 0;
    }

    int lines() {
        return series.getSeriesCount();
    }

    void colorsFrom(int index) {
        firstColor = index;
    }

    XYPlot plot(@Nullable ValueAxis across) {
        XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer(true, false);
        for (int i = 0; i < lines(); i++) {
            String name = String.valueOf(series.getSeriesKey(i));
            boolean reference = references.contains(name);
            renderer.setSeriesPaint(i, colors.getOrDefault(name, Look.color(firstColor + i)));
            renderer.setSeriesVisibleInLegend(i, !likeAbove || reference);
            renderer.setSeriesStroke(i, reference ? Look.DASHED : Look.LINE);
            renderer.setSeriesShape(i, new Ellipse2D.Double(-DOT / 2, -DOT / 2, DOT, DOT));
            renderer.setSeriesShapesVisible(i, series.getItemCount(i) <= DOTTED_MAX);
        }
        if (isAllZero()) {
            axis.setRange(0, 1);
        }
        XYPlot plot = new XYPlot(series, across, axis, renderer);
        Look.plain(plot);
        plot.setRangeGridlinePaint(Look.GRID);
        plot.setDomainGridlinesVisible(false);
        return plot;
    }
}
