import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { Shell } from './shell.tsx';

const root = document.getElementById('app');
if (root) render(<Shell />, root);
